"""Convolutional network parts for Keras 3, each true to its paper and tested against one contract.

Importing the package registers every layer, loss, regularizer, metric and model with Keras, so that
`keras.saving.load_model` finds them; it loads nothing beyond Keras and NumPy. What needs more
(`catalog`, `data`, `distribution`, `drawing`, `search`, `tasks`, `testing`, `training`) is loaded on
first use.
"""

import importlib
import os
import sys

# The command imports the package first, and TensorFlow with it, whose start-up log helps no one who trains.
if os.path.basename(sys.argv[0] if sys.argv else "").startswith("keras-cnn-zoo"):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from keras_cnn_zoo import (
    callbacks,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    presets,
    regularizers,
    visualization,
)
from keras_cnn_zoo.utils.version import __version__

_ON_DEMAND = ("catalog", "data", "distribution", "drawing", "search", "tasks", "testing", "training")

__all__ = [
    "__version__",
    "callbacks",
    "catalog",
    "data",
    "distribution",
    "drawing",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "presets",
    "regularizers",
    "search",
    "tasks",
    "testing",
    "training",
    "visualization",
]


def __getattr__(name):
    if name in _ON_DEMAND:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted(set(globals()) | set(_ON_DEMAND))
