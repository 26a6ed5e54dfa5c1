"""export: a file for serving, written once for all tasks."""

import os

from keras_cnn_zoo.training import export_formats
from keras_cnn_zoo.training.trained_model import load_model
from keras_cnn_zoo.utils.errors import InputError


def export_model(task, path, *, format, run=None, preset=None, weights=None):
    """Writes the network, with preprocessing and decoding inside, as SavedModel or ONNX.

    Args:
        task: a `Task`.
        path: file (ONNX) or folder (SavedModel) to write; must not exist.
        format: "saved_model" or "onnx".
        run: a run folder, or None.
        preset: name or path of a preset, or None; exactly one of the two is given.
        weights: path of a file that replaces the download of a `preset` with a slash, or None.
    """
    if format not in export_formats.FORMATS:
        raise InputError(f"`format` must be one of {', '.join(export_formats.FORMATS)}. Received: {format!r}")
    path = os.fspath(path)
    # With a separator at the end, what is written first would be in the folder itself.
    path = path.rstrip("/" + os.sep) or path
    if not path:
        raise InputError("`out` must not be empty")
    if os.path.lexists(path):
        raise InputError(f"`out` {path} exists: choose another path")
    model = load_model(task, run=run, preset=preset, weights=weights).model
    export_formats.write(task.deployable(model), path, format)
    return path
