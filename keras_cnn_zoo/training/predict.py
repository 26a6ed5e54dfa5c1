"""predict: writes the answers to files, for every task."""

import concurrent.futures
import hashlib
import itertools
import os
import unicodedata

import keras

from keras_cnn_zoo.data.ahead import in_order
from keras_cnn_zoo.training.predictions import PredictionLog
from keras_cnn_zoo.training.trained_model import check_flip, check_origin, load_model
from keras_cnn_zoo.utils.console import say
from keras_cnn_zoo.utils.errors import InputError

# Inputs of one batch take at most this many bytes in memory.
BATCH_BYTES = 64_000_000
# Number of threads that read the next inputs, and of threads that write pictures.
WORKERS = 2
# File systems take names of 255 bytes; a number and a suffix come after the stem.
LONGEST_STEM = 200


def predict(
    task,
    inputs,
    out,
    *,
    run=None,
    preset=None,
    options=None,
    skip_bad=False,
    resume=False,
    progress=True,
    weights=None,
):
    """Writes `predictions.json`, with one answer per input in the given order, and pictures next to it.

    All paths and file headers are checked first. Then inputs are read and answers are written batch by batch,
    so memory does not grow with the number of inputs.

    Args:
        task: a `Task`.
        inputs: a file, or a folder of files, as the task reads them, or a list of these.
        out: folder to write to; new or empty.
        run: a run folder, or None.
        preset: name or path of a preset, or None; exactly one of the two is given.
        options: dict of the task's `predict_arguments`; None means not given.
        skip_bad: whether a file that cannot be read gets an answer with the key `error`. Otherwise it ends
            the call, and the answers before it stay in `predictions.jsonl.part` for a resumed call.
        resume: whether to continue an interrupted call with the same model, inputs, and options. If that
            call is finished, its answers are returned.
        progress: whether to show a progress bar on a terminal.
        weights: path of a file that replaces the download of a `preset` with a slash, or None.

    Returns:
        `Predictions`, the sequence of answers in `predictions.json`.

    Raises:
        InputError: for an input, a folder, or an option that cannot be used.
    """
    check_origin(run=run, preset=preset, weights=weights)
    log = PredictionLog(out, resume=resume)
    inputs = [inputs] if isinstance(inputs, (str, os.PathLike)) else list(inputs)
    if not inputs:
        raise InputError("predict needs at least one input")
    options = {name: value for name, value in (options or {}).items() if value is not None}
    known = [argument.name for argument in task.predict_arguments]
    for name in options:
        if name not in known:
            raise InputError(f"`{name}` is not an argument of {task.name}")
    task.check_options(**options)
    files = task.expand_inputs(inputs)
    # A relative path means another file in another working directory.
    paths = "\0".join([*files, *map(os.path.abspath, files)])
    log.require(
        task=task.name,
        model=os.path.abspath(run) if run is not None else str(preset),
        inputs=hashlib.sha256(paths.encode("utf-8", "surrogatepass")).hexdigest(),
        options={name: _plain(value) for name, value in options.items()},
    )
    bad, largest = ({}, 0) if log.finished else _check(task, files, options, skip_bad)
    trained = load_model(task, run=run, preset=preset, weights=weights)
    if options.get("flip") and trained.has_data and trained.spec is None:
        # Other data are a user's, who knows them.
        check_flip(task.load())
    log.require(weights=_fingerprint(trained))
    if log.finished:
        say(f"{out}: this prediction is finished")
        return log.finish()
    task = task.configured(**trained.task_options)
    batch_size = max(1, min(task.batch_size, len(files), BATCH_BYTES // max(1, largest)))
    try:
        _answer(task, trained.model, files, bad, log, batch_size, options, skip_bad, progress)
    except (InputError, OSError) as error:
        if not log.done:
            raise
        first = "repair the file or add `skip_bad`, and " if isinstance(error, InputError) else ""
        raise InputError(
            f"{error}. {log.done} of {len(files)} answers are in {log.part}: {first}add `resume` to continue"
        ) from error
    finally:
        log.close()
    if log.failed:
        say(f"{log.failed} of {len(files)} inputs could not be read: their answers have the key error")
    return log.finish()


def _plain(value):
    """Returns the value of an option as JSON has it: lists in place of tuples and arrays."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return [_plain(one) for one in value] if isinstance(value, (tuple, list)) else value


def _fingerprint(trained):
    """Returns a text that differs for other weights, class names, or arguments of the task.

    The folder of a run keeps its name if the run is trained again.
    """
    digest = hashlib.sha256()
    for weight in trained.model.weights:
        digest.update(keras.ops.convert_to_numpy(weight).tobytes())
    known = (getattr(trained.model, "class_names", None), sorted(trained.task_options.items()))
    digest.update(repr(known).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _check(task, files, options, skip_bad):
    """Returns ({file: reason} of files that cannot be inputs, and the largest size in bytes)."""
    bad, largest = {}, 0
    for file in files:
        try:
            largest = max(largest, task.check_input(file, **options))
        except (InputError, OSError) as error:
            if not skip_bad:
                raise
            bad[file] = str(error)
    return bad, largest


def _answer(task, model, files, bad, log, batch_size, options, skip_bad, progress):
    """Reads the files that have no answer yet, and writes their answers."""
    from tqdm import tqdm

    def read(file):
        if file in bad:
            return file, None, bad[file]
        try:
            return file, task.read_input(file, model), None
        except (InputError, OSError) as error:
            return file, None, error

    failed = None
    left, stems = files[log.done :], output_names(files)[log.done :]
    read_ahead = in_order(read, left, ahead=batch_size, workers=WORKERS)
    bar = tqdm(total=len(files), initial=log.done, unit="input", disable=None if progress else True)
    # The pictures of one chunk are written while the next one is read and answered.
    waiting = ([], [])
    with bar, concurrent.futures.ThreadPoolExecutor(WORKERS) as writers:
        try:
            for chunk in _chunks(zip(read_ahead, stems, strict=True), batch_size):
                inputs = [one for one, _ in chunk]
                answers, failed = _answers(task, model, inputs, batch_size, options, skip_bad)
                if answers:
                    log.start()
                rows, pictures = [], []
                for ((file, item, _), stem), answer in zip(chunk, answers, strict=False):
                    if isinstance(answer, Exception):
                        rows.append({"input": file, "error": str(answer)})
                        continue
                    try:
                        described, shown = task.describe(model, item, answer)
                    except (InputError, OSError) as error:
                        # Frames are read once more for their picture.
                        if not skip_bad:
                            failed = error
                            break
                        rows.append({"input": file, "error": str(error)})
                        continue
                    names = {f"{stem}{suffix}": picture for suffix, picture in shown.items()}
                    pictures += [
                        writers.submit(_save, picture, os.path.join(log.folder, name))
                        for name, picture in names.items()
                    ]
                    rows.append({"input": file, **described, "files": list(names)})
                # `waiting` is empty while the previous chunk is recorded: if that fails, `finally` must not
                # record this chunk, because an answer before it would be missing.
                finished, waiting = waiting, ([], [])
                _record(*finished, log, bar)
                waiting = (rows, pictures)
                if failed is not None:
                    break
        finally:
            _record(*waiting, log, bar)
    if failed is not None:
        raise InputError(str(failed)) from failed


def _save(picture, path):
    """Saves a picture; PNG with little compression, which is faster than the default."""
    try:
        picture.save(path, compress_level=1)
    except OSError as error:
        # What Pillow raises on a full disk does not name the file.
        raise OSError(error.errno, error.strerror or str(error), path) from error


def _record(rows, pictures, log, bar):
    """Waits for the pictures of a chunk, then writes its answers."""
    for picture in pictures:
        picture.result()
    for row in rows:
        log.append(row)
    bar.update(len(rows))


def _answers(task, model, chunk, batch_size, options, skip_bad):
    """Returns (answers or errors of a chunk, the error that ends the call or None).

    Without `skip_bad`, the answers end before the first input that failed.
    """
    errors = {place: error for place, (_, _, error) in enumerate(chunk) if error is not None}
    end = len(chunk) if skip_bad or not errors else min(errors)
    places = [place for place in range(end) if place not in errors]
    items = [chunk[place][1] for place in places]
    found = {place: InputError(str(error)) for place, error in errors.items() if place < end}
    failed = None if skip_bad or not errors else errors[end]
    try:
        answers = task.answers(model, items, batch_size=batch_size, **options) if items else []
        found |= dict(zip(places, answers, strict=True))
    except InputError as error:
        if len(items) == 1 and not skip_bad:
            return [], error
        # Some data, such as the frames of a video, are read only while the model runs. Running the inputs one
        # by one finds the one that failed.
        for place, item in zip(places, items, strict=True):
            try:
                (found[place],) = task.answers(model, [item], batch_size=batch_size, **options)
            except InputError as single:
                found[place] = single
                if not skip_bad:
                    return [found[before] for before in range(place)], single
    return [found[place] for place in range(end)], failed


def _chunks(values, size):
    """Yields lists of `size` consecutive values; the last one may be shorter."""
    values = iter(values)
    while chunk := list(itertools.islice(values, size)):
        yield chunk


def output_names(files):
    """Returns a distinct output name for each file: its stem, with a number if the stem occurred before.

    A numbered name is never the stem of another file. Names that differ only in case, or in how Unicode
    composes a letter, count as equal, because some file systems do not distinguish them. Very long stems are
    cut, so that a number and a suffix fit.
    """
    stems = [_stem(file) for file in files]
    taken, seen, names = {_folded(stem) for stem in stems}, set(), []
    numbers = {}
    for stem in stems:
        name, key = stem, _folded(stem)
        if key in seen:
            number = numbers.get(key, 2)
            while _folded(f"{stem}-{number}") in taken:
                number += 1
            numbers[key] = number + 1
            name = f"{stem}-{number}"
            taken.add(_folded(name))
        seen.add(_folded(name))
        names.append(name)
    return names


def _stem(file):
    """Returns the name of a file without its last suffix, at most `LONGEST_STEM` bytes of it."""
    stem = os.path.splitext(os.path.basename(os.path.abspath(file)))[0]
    while len(stem.encode("utf-8", "surrogatepass")) > LONGEST_STEM:
        stem = stem[:-1]
    return stem


def _folded(name):
    """Returns what names have in common that some file system does not distinguish."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
