"""SavedModel and ONNX files of a finished network."""

import os
import tempfile

import keras
import numpy as np

from keras_cnn_zoo.utils.errors import InputError

FORMATS = ("saved_model", "onnx")


def write(model, path, format):
    """Writes `model` for inference in float32 to `path`."""
    if keras.backend.backend() == "torch":
        raise InputError("export runs on the TensorFlow or JAX backend. Received: the PyTorch backend")
    if format == "onnx" and not isinstance(model.output, dict):
        # tf2onnx takes the names of outputs from a dict only.
        model = keras.Model(model.input, {model.layers[-1].name: model.output}, name=model.name)
    # Keras traces an ONNX file only for a model that was called once.
    model.predict_on_batch(keras.tree.map_structure(_zeros, model.input))
    folder = os.path.dirname(os.path.abspath(path))
    os.makedirs(folder, exist_ok=True)
    # A new folder next to `path`: nothing of others is there, and nothing is left after an error.
    with tempfile.TemporaryDirectory(prefix=f"{os.path.basename(path)[:100]}.", dir=folder) as temporary:
        written = os.path.join(temporary, "model")
        model.export(written, format="onnx" if format == "onnx" else "tf_saved_model", verbose=False)
        os.rename(written, path)


def _zeros(tensor):
    """Returns a batch of one example for a symbolic input; free sizes become 64."""
    size = [1] + [64 if edge is None else edge for edge in tensor.shape[1:]]
    return np.zeros(size, dtype=keras.backend.standardize_dtype(tensor.dtype))
