"""OpenVINO files, converted from a SavedModel on TensorFlow and from ONNX elsewhere."""

import os
import tempfile

import keras

from keras_cnn_zoo.training.exports import onnx
from keras_cnn_zoo.utils.errors import InputError


def write(network, path):
    """Writes a deployable network as STEM.xml and STEM.bin, with weights in float32.

    Args:
        network: the deployable network.
        path: path of the file, which ends in .xml, in any case of letters.

    Raises:
        InputError: for a network that OpenVINO cannot convert.
    """
    import openvino

    # OpenVINO writes to a path with small letters only.
    written = f"{os.path.splitext(path)[0]}.xml"
    with tempfile.TemporaryDirectory() as folder:
        between = _between(network, folder)
        try:
            converted = openvino.convert_model(between)
        except Exception as error:
            line = " ".join(str(error).split())[:300]
            raise InputError(f"`format` openvino: OpenVINO cannot convert this network: {line}") from error
        openvino.save_model(converted, written, compress_to_fp16=False)
    os.rename(written, path)


def _between(network, folder):
    """Writes what OpenVINO converts, and returns its path."""
    # OpenVINO does not convert the loop of a suppression from ONNX.
    if keras.backend.backend() == "tensorflow":
        path, format = os.path.join(folder, "model"), "tf_saved_model"
    else:
        path, format = os.path.join(folder, "model.onnx"), "onnx"
    onnx.export_named(network, path, format)
    return path
