"""evaluate, predict, export: written once for all tasks."""

import os

from keras_cnn_zoo.tasks import export
from keras_cnn_zoo.tasks.run_folder import RunFolder, announce, load_model, say
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
    options.setdefault("seed", recorded.pop("seed"))
    if data is None and "spec" in recorded:
        spec = recorded.pop("spec")
        if spec is None or _is_there(spec):
            data, options = spec, {**recorded, **options}
        else:
            say(f"the recorded data {spec} are not there: measuring on the embedded set")
    elif data is None:
        say("no data are recorded: measuring on the embedded set")
    if data is not None and getattr(model, "class_names", None):
        options.setdefault("class_names", model.class_names)
    source = task.load(data, **options)
    announce(source)
    _check_classes(model, source)
    return {
        **task.evaluate(model, source, split),
        "baseline": task.baseline(source, split),
        "split": split,
        "data": source.name,
        "examples": len(source.split(split)),
    }


def predict(task, inputs, out, *, run=None, preset=None, options=None):
    """Answers for files: `predictions.json` in the order given, and pictures beside it.

    Args:
        task: a `Task`.
        inputs: files, or folders of them, as the task reads them.
        out: folder to write to.
        run: a run folder, or None.
        preset: name or path of a preset, or None; exactly one of the two is given.
        options: dict of what the task's `predict_options` name; None stands for not given.

    Returns:
        The list that `predictions.json` holds.
    """
    if not inputs:
        raise InputError("predict needs at least one INPUT")
    options = {name: value for name, value in (options or {}).items() if value is not None}
    for name in options:
        if name not in task.predict_options:
            raise InputError(f"--{name} is no option of {task.name}")
    model, _ = load_model(task, run=run, preset=preset)
    files = task.expand_inputs(inputs)
    folder = RunFolder(out)
    if os.path.exists(folder.file("predictions.json")):
        raise InputError(f"--out {out} already holds predictions.json: choose another folder")
    # Everything is read before anything is written.
    loaded = [task.read_input(file, model) for file in files]
    answers = []
    for file, item, stem in zip(files, loaded, _stems(files), strict=True):
        answer, shown = task.describe(model, item, **options)
        os.makedirs(out, exist_ok=True)
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
    known = getattr(model, "num_classes", None)
    if known is not None and known != len(source.class_names):
        raise InputError(
            f"the model tells {model.num_classes} classes apart, {source.name} has {len(source.class_names)}"
        )


def _stems(files):
    """Distinct output names: the file's stem, numbered where stems repeat."""
    seen, stems = {}, []
    for file in files:
        stem = os.path.splitext(os.path.basename(os.path.normpath(file)))[0]
        seen[stem] = seen.get(stem, 0) + 1
        stems.append(stem if seen[stem] == 1 else f"{stem}-{seen[stem]}")
    return stems
