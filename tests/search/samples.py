"""A tiny search: a small archive, a small space, and training that costs nothing where that will do."""

import types

import keras
import numpy as np
from matplotlib.figure import Figure

from keras_cnn_zoo.layers import Maxout
from keras_cnn_zoo.search import report
from keras_cnn_zoo.search.engine import SearchOptions, search
from keras_cnn_zoo.search.space import SearchSpace
from keras_cnn_zoo.search.trials import Trials
from keras_cnn_zoo.tasks import Classification

# What tuning's tests may not fail for, with the reason.
WARNINGS = (
    # KerasTuner 1.4.8 locks its oracle with camelCase names that Python 3.10 deprecated.
    "ignore:currentThread:DeprecationWarning",
    "ignore:getName:DeprecationWarning",
)

SPACE = SearchSpace(
    task=Classification(),
    model="lenet5",
    choices={
        "pooling": ("max", "average"),
        "convolution_activation": {"linear": lambda: None, "maxout": lambda: Maxout(2)},
        "width": (0.2, 0.4),
    },
    learning_rate=(1e-3, 1e-2),
    epochs=2,
    max_trials=3,
)


def write_archive(path):
    """An npz of 16 x 16 pictures in two classes: bright on the left, or not."""
    rng, arrays = np.random.default_rng(0), {}
    for name, count in (("train", 24), ("val", 16), ("test", 16)):
        labels = np.arange(count) % 2
        images = rng.integers(0, 80, size=(count, 16, 16)).astype("uint8")
        images[labels == 1, :, :8] += 120
        arrays[f"x_{name}"], arrays[f"y_{name}"] = images, labels
    np.savez(path, **arrays)
    return f"npz:{path}"


def run(data, out, **options):
    """A search of `SPACE`."""
    return search(SPACE, SearchOptions(data=data, out=str(out), **options))


def score(learning_rate, last):
    """Returns the score of the fake training below: best near 3e-3, a little better with more epochs."""
    return round(0.9 - abs(np.log10(learning_rate / 3e-3)) / 4 + last / 1000, 6)


def instead_of_training(calls, fail=None):
    """Replaces `Trials._fit`: appends the trial to `calls`, saves the weights, reports `score`.

    `fail(calls)` may raise what a training could.
    """

    def fit(self, model, folder, values, first, last):
        learning_rate = values["learning_rate"]
        calls.append((folder.path, learning_rate, first, last))
        if fail is not None:
            fail(calls)
        model.save_weights(folder.file("best.weights.h5"))
        return types.SimpleNamespace(best=score(learning_rate, last), best_epoch=last)

    return fit


def patch(monkeypatch, fail=None):
    """Puts `instead_of_training` in place and returns its list of calls; nor are figures drawn."""
    calls = []
    monkeypatch.setattr(Trials, "_fit", instead_of_training(calls, fail))
    monkeypatch.setattr(report, "figure", lambda *arguments: Figure(figsize=(1, 1)))
    # Collects garbage for a third of a second; the networks here are small.
    monkeypatch.setattr(keras.utils, "clear_session", lambda: None)
    return calls
