"""Metrics and figures of a finished run."""

from keras_cnn_zoo.drawing import sheets
from keras_cnn_zoo.utils.console import say


def measure(task, model, source, keeper):
    """Returns the contents of `metrics.json`: metrics and baseline on the test split."""
    return {
        **task.evaluate(model, source, "test"),
        "baseline": task.baseline(source, "test"),
        "split": "test",
        "best_epoch": keeper.best_epoch,
    }


def write(folder, task, model, source, history, metrics):
    """Writes metrics, curves and samples to the run folder, and a line to the terminal."""
    folder.write_json("metrics.json", metrics)
    folder.save_figure("curves.png", sheets.curves(history))
    folder.save_figure("samples.png", task.draw(model, source))
    say(f"{folder.path}: " + ", ".join(f"{k} {v:.4f}" for k, v in metrics.items() if isinstance(v, float)))
