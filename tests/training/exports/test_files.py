"""The paths of an export: the suffix of its format, and that nothing is replaced."""

import os

import pytest

from keras_cnn_zoo.training.exports.files import ExportFiles
from keras_cnn_zoo.training.exports.formats import FORMATS
from keras_cnn_zoo.utils.errors import InputError


@pytest.mark.parametrize(
    ("path", "format", "written"),
    [
        ("model", "onnx", ["model.labels.txt", "model.json", "model.onnx"]),
        ("model.ONNX", "onnx", ["model.labels.txt", "model.json", "model.ONNX"]),
        ("run-0.5", "onnx", ["run-0.5.labels.txt", "run-0.5.json", "run-0.5.onnx"]),
        ("a.v2", "litert", ["a.v2.labels.txt", "a.v2.json", "a.v2.tflite"]),
        ("a.v2.TFLite", "litert", ["a.v2.labels.txt", "a.v2.json", "a.v2.TFLite"]),
        ("a.v2", "openvino", ["a.v2.labels.txt", "a.v2.json", "a.v2.bin", "a.v2.xml"]),
        ("run-0.5/", "saved_model", ["run-0.5.labels.txt", "run-0.5.json", "run-0.5"]),
        ("page.v2", "web", ["page.v2"]),
    ],
)
def test_a_file_gets_the_suffix_of_its_format_unless_it_has_it(tmp_path, path, format, written):
    chosen = ExportFiles(f"{tmp_path}/{path}", FORMATS[format])
    assert chosen.names == written
    assert chosen.path == str(tmp_path / written[-1])


@pytest.mark.parametrize(
    ("path", "format", "message"),
    [
        (
            "model.onnx",
            "litert",
            r"`path` must end in \.tflite for `format` litert. Received: .*model\.onnx$",
        ),
        ("model.TFLITE", "onnx", r"must end in \.onnx for `format` onnx. Received: .*model\.TFLITE$"),
        ("model.xml", "onnx", r"must end in \.onnx for"),
        ("model.bin", "openvino", r"must end in \.xml for `format` openvino"),
        ("page.onnx", "web", "must be the name of a folder for `format` web"),
        ("model.tflite/", "saved_model", "must be the name of a folder for `format` saved_model"),
    ],
)
def test_the_suffix_of_another_format_is_refused(tmp_path, path, format, message):
    with pytest.raises(InputError, match=message):
        ExportFiles(f"{tmp_path}/{path}", FORMATS[format])


def test_an_empty_path_is_refused():
    with pytest.raises(InputError, match="`path` must not be empty"):
        ExportFiles("", FORMATS["onnx"])


@pytest.mark.parametrize(
    ("taken", "message"),
    [
        ("cells.xml", r"`path` .*cells\.xml exists: choose another path"),
        (
            "cells.json",
            r"cells\.xml needs the file .*cells\.json to describe the network, and that file exists",
        ),
        ("cells.labels.txt", r"needs the file .*cells\.labels\.txt to describe the network"),
        (
            "cells.bin",
            r"needs the file .*cells\.bin for its weights, and that file exists: choose another name",
        ),
    ],
)
def test_no_file_is_replaced_and_the_one_in_the_way_is_named(tmp_path, taken, message):
    (tmp_path / taken).write_text("of a user")
    with pytest.raises(InputError, match=message):
        ExportFiles(tmp_path / "cells", FORMATS["openvino"])
    assert (tmp_path / taken).read_text() == "of a user" and os.listdir(tmp_path) == [taken]
