"""evaluate, predict, export: written once for all tasks."""

import os

from keras_cnn_zoo.tasks import export
from keras_cnn_zoo.tasks.run_folder import RunFolder, load_model, say
from keras_cnn_zoo.utils.errors import InputError


def evaluate(task, *, run=None, preset=None, data=None, split="test", data_options=None):
    """The metrics and baseline of a run or preset on a split, as a JSON-able dict.

    Args:
        task: a `Task`.
        run: a run folder, or None.
        preset: name or path of a preset, or None; exactly one of the two is given.
        data: a `--data` spec; None for the data recorded in the run or on the preset's card, or, where
            those are not there, the embedded set.
        split: "train", "val" or "test".
        data_options: dict of reader options, or None.
    """
    model, recorded = load_model(task, run=run, preset=preset)
    options = dict(data_options or {})
    if data is None and recorded is not None:
        spec = recorded.pop("spec")
        if spec is None or _is_there(spec):
            data, options = spec, {**recorded, **options}
        else:
            say(f"the recorded data {spec} are not there: measuring on the embedded set")
    elif data is None:
        say("no data are recorded: measuring on the embedded set")
    if data is not None and model.class_names:
        options.setdefault("class_names", model.class_names)
    source = task.load(data, **options)
    for note in source.notes:
        say(note)
    _check_classes(model, source)
    return {
        **task.evaluate(model, source, split),
        "baseline": task.baseline(source, split),
        "split": split,
        "data": source.name,
        "examples": len(source.split(split)),
    }


def predict(task, inputs, out, *, run=None, preset=None):
    """Answers for picture files: `predictions.json` in the order given, and pictures beside it.

    Args:
        task: a `Task`.
        inputs: picture files, or folders of them.
        out: folder to write to.
        run: a run folder, or None.
        preset: name or path of a preset, or None; exactly one of the two is given.

    Returns:
        The list that `predictions.json` holds.
    """
    from keras_cnn_zoo.data.pictures import decode

    if not inputs:
        raise InputError("predict needs at least one INPUT")
    model, _ = load_model(task, run=run, preset=preset)
    files = _expand(inputs)
    folder = RunFolder(out)
    if os.path.exists(folder.file("predictions.json")):
        raise InputError(f"--out {out} already holds predictions.json: choose another folder")
    # Everything is read before anything is written.
    loaded = [decode(file, channels=model.input_shape[-1]) for file in files]
    os.makedirs(out, exist_ok=True)
    answers = []
    for file, image, stem in zip(files, loaded, _stems(files), strict=True):
        answer, shown = task.describe(model, image)
        names = []
        for suffix, picture in shown.items():
            name = f"{stem}{suffix}"
            picture.save(folder.file(name))
            names.append(name)
        answers.append({"input": file, **answer, "files": names})
    folder.write_json("predictions.json", answers)
    return answers


def export_model(task, path, *, format, run=None, preset=None):
    """Writes the network with preprocessing and decoding inside as SavedModel or ONNX.

    Args:
        task: a `Task`.
        path: file (ONNX) or folder (SavedModel) to write; must not exist.
        format: "saved_model" or "onnx".
        run: a run folder, or None.
        preset: name or path of a preset, or None; exactly one of the two is given.
    """
    if format not in export.FORMATS:
        raise InputError(f"--format must be one of {', '.join(export.FORMATS)}. Received: {format!r}")
    if os.path.exists(path):
        raise InputError(f"--out {path} exists: choose another path")
    model, _ = load_model(task, run=run, preset=preset)
    export.write(task.deployable(model), path, format)
    return path


def _is_there(spec):
    """Whether a recorded data word can be read here; names of TensorFlow Datasets are left to TFDS."""
    format_name, _, path = spec.partition(":")
    return format_name == "tfds" or os.path.exists(path)


def _check_classes(model, source):
    if model.num_classes != len(source.class_names):
        raise InputError(
            f"the model tells {model.num_classes} classes apart, {source.name} has {len(source.class_names)}"
        )


def _expand(inputs):
    """Files as given; a folder stands for the pictures directly in it, sorted."""
    files = []
    for item in map(str, inputs):
        if os.path.isdir(item):
            files.extend(
                os.path.join(item, name) for name in sorted(os.listdir(item)) if not name.startswith(".")
            )
        elif os.path.exists(item):
            files.append(item)
        else:
            raise InputError(f"{item} does not exist")
    if not files:
        raise InputError(f"no files in {', '.join(map(str, inputs))}")
    return files


def _stems(files):
    """Distinct output names: the file's stem, numbered where stems repeat."""
    seen, stems = {}, []
    for file in files:
        stem = os.path.splitext(os.path.basename(file))[0]
        seen[stem] = seen.get(stem, 0) + 1
        stems.append(stem if seen[stem] == 1 else f"{stem}-{seen[stem]}")
    return stems
