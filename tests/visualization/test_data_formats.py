"""The data format of layers that do not state one, in models that differ from the setting of Keras."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_cnn_zoo import layers as zoo
from keras_cnn_zoo.models import ResNet
from keras_cnn_zoo.visualization import deconvolution_view, grad_cam, receptive_field
from keras_cnn_zoo.visualization.data_formats import data_format_of

CASES = []


@pytest.fixture
def channels_first():
    """Keras' setting for the test."""
    before = keras.config.image_data_format()
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format(before)


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def pinned():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, 7, 2))
    x = layers.Conv2D(4, 3, data_format="channels_last", name="maps")(inputs)
    x = layers.Activation("relu", name="relu")(x)
    x = layers.Add(name="sum")([x, x])
    x = layers.GlobalAveragePooling2D(data_format="channels_last")(x)
    return keras.Model(inputs, layers.Dense(3)(x))


def test_grad_cam_reads_the_maps_as_the_model_has_them(channels_first):
    model, images = pinned(), noise(2, 6, 7, 2)
    found = {name: grad_cam(model, images, layer=name, class_ids=[0, 1]) for name in ("maps", "relu", "sum")}
    assert found["maps"].shape == (2, 4, 5)
    np.testing.assert_array_equal(grad_cam(model, images, class_ids=[0, 1]), found["sum"])
    # Both have the maps of the rectifier, doubled or not.
    np.testing.assert_allclose(found["sum"], found["relu"], atol=1e-6)
    keras.config.set_image_data_format("channels_last")
    for name, heat in found.items():
        np.testing.assert_array_equal(grad_cam(model, images, layer=name, class_ids=[0, 1]), heat)


def test_a_residual_network_is_explained_under_any_setting(channels_first):
    model = ResNet(3, input_shape=(64, 96, 3), variant="18", width=0.05)
    assert grad_cam(model, noise(1, 64, 96, 3)).shape == (1, 2, 3)
    assert receptive_field(model)["stem_convolution"].stride == (2, 2)


def test_the_deconvolution_view_takes_the_channel_that_the_model_has(channels_first):
    model, images = pinned(), noise(2, 6, 7, 2)
    found = deconvolution_view(model, images, "sum", channel=3, position=(3, 4))
    assert found[:, 3:, 4:].any() and not found[:, :3].any() and not found[:, :, :4].any()
    keras.config.set_image_data_format("channels_last")
    expected = deconvolution_view(model, images, "sum", channel=3, position=(3, 4))
    np.testing.assert_array_equal(found, expected)


def test_the_receptive_field_is_along_the_axes_that_the_model_has(channels_first):
    strided = layers.Conv2D(4, 3, strides=2, padding="same", data_format="channels_last")
    wrapped = zoo.WeightNormalization(strided, name="wrapped")
    model = keras.Sequential([keras.Input((6, 7, 2)), layers.Activation("relu"), wrapped])
    # Six rows are padded only after the image, seven columns on both sides.
    assert receptive_field(model)["wrapped"] == ((3, 3), (2, 2), (0, -1))


def graph(*parts):
    inputs = x = keras.Input((8, 8, 8))
    for part in parts:
        x = part(x)
    return keras.Model(inputs, x)


def relu(name="relu"):
    return layers.Activation("relu", name=name)


def pooling(data_format):
    return layers.AveragePooling2D(1, data_format=data_format)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([pooling("channels_first"), relu()], "channels_first"),
        ([relu(), pooling("channels_first")], "channels_first"),
        ([pooling("channels_first"), relu(), pooling("channels_last")], "channels_first"),
        ([pooling("channels_first"), pooling("channels_last"), relu()], "channels_last"),
        ([graph(pooling("channels_first")), relu()], "channels_first"),
        ([layers.Flatten(data_format="channels_first"), layers.Reshape((8, 8, 8)), relu()], "channels_last"),
        ([relu()], "channels_last"),
    ],
    ids=["before", "after", "before first", "nearest", "nested", "flat", "none"],
)
def test_a_layer_has_the_format_of_the_nearest_one_that_states_it(parts, expected):
    model = graph(*parts)
    assert data_format_of(model, model.get_layer("relu")) == expected


def test_an_input_has_the_format_of_the_first_layer_that_states_it():
    assert (
        data_format_of(graph(relu(), pooling("channels_first"), pooling("channels_last"))) == "channels_first"
    )
