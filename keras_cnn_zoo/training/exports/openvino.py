"""OpenVINO files, converted from ONNX."""

import os
import tempfile

from keras_cnn_zoo.training.exports import onnx


def write(network, path):
    """Writes a deployable network as STEM.xml and STEM.bin, with weights in float32.

    Args:
        network: the deployable network.
        path: path of the file, which ends in .xml, in any case of letters.
    """
    import openvino

    # OpenVINO writes to a path with small letters only.
    written = f"{os.path.splitext(path)[0]}.xml"
    with tempfile.TemporaryDirectory() as folder:
        between = os.path.join(folder, "model.onnx")
        onnx.write(network, between)
        openvino.save_model(openvino.convert_model(between), written, compress_to_fp16=False)
    os.rename(written, path)
