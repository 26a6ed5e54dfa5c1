"""Metrics and figures of a finished run, and the data checks that come before it."""

import contextlib
import copy

from keras_cnn_zoo.data.final_checks import check_final_splits
from keras_cnn_zoo.drawing import confusion, sheets
from keras_cnn_zoo.utils.console import say
from keras_cnn_zoo.utils.errors import InputError


def check_data(task, source):
    """Checks the final splits before the first step and reports what a user should know of them.

    Returns:
        The baseline on the test split.

    Raises:
        InputError: a model cannot be trained or measured on the data.
    """
    for line in check_final_splits(source):
        say(line)
    baseline = task.baseline(source, "test")
    report_baseline(task, baseline, "test")
    return baseline


def report_baseline(task, baseline, split):
    """Reports a baseline that no model can beat."""
    if baseline[task.metric] >= 1:
        say(f"the baseline of {split} is {task.metric} 1.0: the same answer to every input is always right")


@contextlib.contextmanager
def after_saving(path):
    """Names the saved model if measuring it fails, since it is not lost.

    Args:
        path: the model.
    """
    hint = f"{path} is saved, but measuring it failed: repeat the command with `resume` to measure again"
    try:
        yield
    except (InputError, OSError) as error:
        raise InputError(f"{hint}. {error}") from error
    except Exception:
        # A bug keeps its traceback.
        say(hint)
        raise


def measured(task, model, source, split):
    """Returns the metrics of a model on a split in one pass, with and without those of each class.

    Returns:
        (metrics, with `per_class` if the task has classes; the `Tally` of the classes, or None).
    """
    tally = task.tally(source)
    if tally is None:
        return task.evaluate(model, source, split), None
    watched = copy.copy(task)
    # A subclass may add to `evaluate`, which has to be called as a whole.
    object.__setattr__(watched, "measure", lambda source, pairs: task.measure(source, tally.watching(pairs)))
    metrics = watched.evaluate(model, source, split)
    return ({**metrics, "per_class": tally.per_class()}, tally) if tally.examples else (metrics, None)


def measure(task, model, source, keeper, baseline):
    """Returns the contents of `metrics.json`, metrics and baseline on the test split, and the `Tally`."""
    metrics, tally = measured(task, model, source, "test")
    return {**metrics, "baseline": baseline, "split": "test", "best_epoch": keeper.best_epoch}, tally


def write(folder, task, model, source, history, metrics, tally):
    """Writes metrics, curves, and pictures to the run folder, and a line to the terminal."""
    folder.write_json("metrics.json", metrics)
    folder.save_figure("curves.png", sheets.curves(history))
    draw(folder, task, model, source, "test", tally)
    say(f"{folder.path}: " + ", ".join(f"{k} {v:.4f}" for k, v in metrics.items() if isinstance(v, float)))


def draw(folder, task, model, source, split, tally):
    """Writes `samples.png`, and `confusion.png` if the task has classes, to a folder."""
    folder.save_figure("samples.png", task.draw(model, source, split))
    if tally is not None:
        folder.save_figure("confusion.png", confusion.matrix(tally.confusion, tally.names))
