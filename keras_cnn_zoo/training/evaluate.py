"""evaluate: metrics and baseline, written once for all tasks."""

import os

from keras_cnn_zoo.presets import describe
from keras_cnn_zoo.training import old_runs, results
from keras_cnn_zoo.training.run_folder import RunFolder, announce, check_new_folder
from keras_cnn_zoo.training.trained_model import check_flip, load_model
from keras_cnn_zoo.utils.console import say
from keras_cnn_zoo.utils.errors import InputError


def evaluate(
    task,
    *,
    run=None,
    preset=None,
    data=None,
    split="test",
    data_options=None,
    weights=None,
    out=None,
    options=None,
):
    """Returns the metrics and the baseline of a run or preset on a split, as a dict of JSON values.

    Args:
        task: a `Task`.
        run: a run folder, or None.
        preset: name or path of a preset, or None; exactly one of the two is given.
        data: a data spec; None for the data recorded in the run or on the preset's card, or, if those are
            missing, the embedded set.
        split: "train", "val", or "test".
        data_options: dict of reader options, or None.
        weights: path of a file that replaces the download of a `preset` with a slash, or None.
        out: folder to write to, new or empty, or None. With it, the result has the metrics of each class,
            `per_class`, if the task has classes; the folder gets `metrics.json`, `samples.png`, and, with
            classes, `confusion.png`.
        options: dict of the task's `evaluate_arguments`; None means not given.
    """
    if out is not None:
        check_new_folder(out)
    chosen = {name: value for name, value in (options or {}).items() if value is not None}
    known = [argument.name for argument in task.evaluate_arguments]
    for name in chosen:
        if name not in known:
            raise InputError(f"`{name}` does not change the metrics of {task.name}")
    task.check_options(**chosen)
    trained = load_model(task, run=run, preset=preset, weights=weights)
    task = task.configured(**trained.task_options)
    model, rules, given = trained.model, {"seed": trained.seed}, dict(data_options or {})
    recorded = data is None or (trained.has_data and data == trained.spec)
    if data is None and not trained.has_data:
        say("no data are recorded: measuring on the embedded set")
        recorded = False
    elif data is None and trained.spec is not None and not _is_there(trained.spec):
        say(f"the recorded data {trained.spec} are not there: measuring on the embedded set")
        recorded = False
    elif data is None:
        data, rules = trained.spec, {**trained.data_options, **rules}
    rules |= trained.naming(data)
    splits = {}
    if "split_file" not in given and (recorded or data is not None):
        # Data that a user names may be those of the run: drawn again, training examples would be measured.
        splits = trained.splits(same_only=not recorded)
    source = task.load(data, **{**rules, **given, **splits})
    announce(source)
    _check_classes(model, source)
    if chosen.get("flip"):
        check_flip(source)
    if chosen:
        task = task.answering(**chosen)
    baseline = task.baseline(source, split)
    if recorded and "old_draw" in splits and source.drawn:
        _check_old(
            source, baseline if split == "test" else task.baseline(source, "test"), run, preset, weights
        )
    results.report_baseline(task, baseline, split)
    about = {
        "baseline": baseline,
        "split": split,
        "data": source.name,
        "examples": len(source.split(split)),
    }
    if out is None:
        return {**task.evaluate(model, source, split), **about}
    metrics, tally = results.measured(task, model, source, split)
    os.makedirs(out, exist_ok=True)
    folder = RunFolder(out)
    results.draw(folder, task, model, source, split, tally)
    # Last: a folder with it is complete.
    folder.write_json("metrics.json", {**metrics, **about})
    return {**metrics, **about}


def _check_old(source, baseline, run, preset, weights):
    """Refuses the recorded data of an old run or preset if they have changed."""
    if run is not None:
        old_runs.check_run(RunFolder(run), source, baseline)
        return
    card = describe(preset, weights=weights)["training"]
    before = old_runs.baseline_on_card(card.get("evaluated_on"))
    old_runs.check_baseline(f"the preset {preset}", source, before, baseline)


def _is_there(spec):
    """Returns whether recorded data can be read here; names of TensorFlow Datasets are left to TFDS."""
    format_name, _, path = spec.partition(":")
    return format_name == "tfds" or os.path.exists(path)


def _check_classes(model, source):
    known = getattr(model, "num_classes", None)
    if known is not None and known != len(source.class_names):
        raise InputError(
            f"the model distinguishes {known} classes, {source.name} has {len(source.class_names)}"
        )
