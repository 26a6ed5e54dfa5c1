"""The files of OpenVINO, with the package replaced: it is an extra."""

import os
import pathlib
import sys
import types

import pytest

from keras_cnn_zoo.training.exports import onnx, openvino


@pytest.mark.parametrize("name", ["a.v2.xml", "a.v2.XML"])
def test_a_suffix_in_capital_letters_is_kept(tmp_path, monkeypatch, name):
    def save(model, path, compress_to_fp16):
        assert path.endswith(".xml"), "OpenVINO raises an error"
        pathlib.Path(path).write_text("network")
        pathlib.Path(path.removesuffix(".xml") + ".bin").write_text("weights")

    package = types.SimpleNamespace(convert_model=lambda path: path, save_model=save)
    monkeypatch.setitem(sys.modules, "openvino", package)
    monkeypatch.setattr(onnx, "write", lambda network, path: None)
    openvino.write(None, str(tmp_path / name))
    assert sorted(os.listdir(tmp_path)) == sorted(["a.v2.bin", name])
