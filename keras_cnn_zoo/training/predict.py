"""predict: answers for files, written once for all tasks."""

import os

from keras_cnn_zoo.training.run_folder import RunFolder
from keras_cnn_zoo.training.trained_model import load_model
from keras_cnn_zoo.utils.errors import InputError


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
    model = load_model(task, run=run, preset=preset).model
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


def _stems(files):
    """Distinct output names: the file's stem, numbered where stems repeat."""
    seen, stems = {}, []
    for file in files:
        stem = os.path.splitext(os.path.basename(os.path.normpath(file)))[0]
        seen[stem] = seen.get(stem, 0) + 1
        stems.append(stem if seen[stem] == 1 else f"{stem}-{seen[stem]}")
    return stems
