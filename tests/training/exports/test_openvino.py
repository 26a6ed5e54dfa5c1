"""The files of OpenVINO, which is an extra: it is replaced where only their names matter."""

import os
import pathlib
import subprocess
import sys
import types

import keras
import numpy as np
import pytest

from keras_cnn_zoo import models, tasks
from keras_cnn_zoo.training.exports import openvino
from keras_cnn_zoo.utils import packages
from keras_cnn_zoo.utils.errors import InputError

on_tensorflow = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="needs TensorFlow")
needs_openvino = pytest.mark.skipif(not packages.is_installed("openvino"), reason="needs openvino")
# Networks with levels, whose sizes may be unknown, and with the loop of a suppression.
SMALL = {
    "segmentation": lambda: models.DeepLab(2, backbone="vgg11", width=0.05, output_stride=32),
    "detection": lambda: models.FasterRCNN(
        2, input_shape=(64, 64, 3), backbone="vgg11", width=0.1, min_level=4, class_names=("a", "b")
    ),
}


def replaced(monkeypatch, convert_model):
    """Replaces OpenVINO and the writer of what it converts."""

    def save(model, path, compress_to_fp16):
        assert path.endswith(".xml"), "OpenVINO raises an error"
        pathlib.Path(path).write_text("network")
        pathlib.Path(path.removesuffix(".xml") + ".bin").write_text("weights")

    package = types.SimpleNamespace(convert_model=convert_model, save_model=save)
    monkeypatch.setitem(sys.modules, "openvino", package)
    monkeypatch.setattr(openvino, "_between", lambda network, folder: folder)


@pytest.mark.parametrize("name", ["a.v2.xml", "a.v2.XML"])
def test_a_suffix_in_capital_letters_is_kept(tmp_path, monkeypatch, name):
    replaced(monkeypatch, lambda path: path)
    openvino.write(None, str(tmp_path / name))
    assert sorted(os.listdir(tmp_path)) == sorted(["a.v2.bin", name])


def test_a_network_that_is_not_converted_is_refused_in_one_line(tmp_path, monkeypatch):
    def fails(path):
        raise RuntimeError("Check 'false' failed at a.cpp:1:\nModel wasn't fully converted.\n-- Loop-15 with")

    replaced(monkeypatch, fails)
    with pytest.raises(InputError, match="^`format` openvino: .* cannot convert this network: Check[^\n]*$"):
        openvino.write(None, str(tmp_path / "a.xml"))


@on_tensorflow
@needs_openvino
@pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning")
@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_networks_with_levels_are_converted(name, tmp_path):
    preset = str(tmp_path / "preset")
    SMALL[name]().save_to_preset(preset)
    task = tasks.TASKS[name]()
    path = tasks.export_model(task, str(tmp_path / "net.xml"), format="openvino", preset=preset)
    network = task.deployable(models.from_preset(preset))
    images = np.random.default_rng(0).integers(0, 255, (1, 64, 64, 3)).astype("float32")
    expected = network.predict_on_batch(images)
    given = openvino_outputs(path, images, tmp_path)
    expected = expected if isinstance(expected, dict) else {next(iter(given)): expected}
    assert set(given) == set(expected)
    for key, value in expected.items():
        np.testing.assert_allclose(given[key], value, atol=1e-3)


RUN = """
import sys
import numpy as np
import openvino
path, folder = sys.argv[1:]
# On some processors, OpenVINO's default is bfloat16.
run = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
outputs = run({"images": np.load(f"{folder}/images.npy")})
np.savez(f"{folder}/given.npz", **{next(iter(output.names)): value for output, value in outputs.items()})
"""


def openvino_outputs(path, images, folder):
    """Returns what a file answers, as a dict. OpenVINO aborts if another allocator is loaded before it."""
    np.save(folder / "images.npy", images)
    done = subprocess.run(
        [sys.executable, "-c", RUN, path, str(folder)],
        env={name: value for name, value in os.environ.items() if name != "LD_PRELOAD"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with np.load(folder / "given.npz") as file:
        return dict(file)
