"""grad_cam against class activation maps, and against derivatives by finite differences in NumPy."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_cnn_zoo.models import LeNet5, ResNet
from keras_cnn_zoo.visualization import grad_cam


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def maps_of(model, layer, images):
    """The feature maps of a layer, by a separate network."""
    view = keras.Model(model.input, model.get_layer(layer).output)
    return keras.ops.convert_to_numpy(view(images)).astype("float64")


def normalized(heat):
    heat = np.maximum(heat, 0)
    return heat / np.maximum(heat.max(axis=(1, 2), keepdims=True), 1e-12)


def test_with_global_pooling_it_is_the_class_activation_map():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((9, 11, 3))
    x = layers.Conv2D(5, 3, activation="relu", name="maps")(inputs)
    outputs = layers.Dense(4, name="logits")(layers.GlobalAveragePooling2D()(x))
    model, images = keras.Model(inputs, outputs), noise(3, 9, 11, 3)
    kernel = keras.ops.convert_to_numpy(model.get_layer("logits").kernel)
    ids = [0, 3, 1]
    # Zhou et al., 2016: the weights of the class are those of the maps.
    expected = normalized(np.einsum("byxk,kb->byx", maps_of(model, "maps", images), kernel[:, ids]))
    found = grad_cam(model, images, class_ids=ids)
    assert found.shape == (3, 7, 9) and found.dtype == "float32"
    np.testing.assert_allclose(found, expected, atol=1e-5)
    # Without classes, it explains the answers.
    own = keras.ops.convert_to_numpy(model(images)).argmax(axis=1)
    np.testing.assert_array_equal(grad_cam(model, images), grad_cam(model, images, class_ids=own))
    assert "call" not in vars(model.get_layer("maps"))


def head(maps, kernels):
    """Logits of maps (height, width, channels) that go around and through a layer, as NumPy loops."""
    hidden = np.maximum(np.tanh(maps).ravel() @ kernels[0] + maps.ravel() @ kernels[1], 0)
    return hidden @ kernels[2]


def test_weights_are_mean_derivatives_along_every_path():
    keras.utils.set_random_seed(1)
    inputs = keras.Input((6, 5, 2))
    x = layers.Conv2D(3, 3, name="maps")(inputs)
    left = layers.Dense(6, use_bias=False, name="left")(layers.Flatten()(layers.Activation("tanh")(x)))
    right = layers.Dense(6, use_bias=False, name="right")(layers.Flatten()(x))
    hidden = layers.ReLU()(layers.Add()([left, right]))
    model = keras.Model(inputs, layers.Dense(4, use_bias=False, name="logits")(hidden))
    images = noise(2, 6, 5, 2, seed=3)
    kernels = [
        keras.ops.convert_to_numpy(model.get_layer(name).kernel).astype("float64")
        for name in ("left", "right", "logits")
    ]
    ids, step, expected = [2, 0], 1e-6, []
    for own, class_id in zip(maps_of(model, "maps", images), ids, strict=True):
        slopes = np.zeros_like(own)
        for place in np.ndindex(own.shape):
            moved = [own.copy(), own.copy()]
            moved[0][place] += step
            moved[1][place] -= step
            slopes[place] = (head(moved[0], kernels) - head(moved[1], kernels))[class_id] / (2 * step)
        expected.append((own * slopes.mean(axis=(0, 1))).sum(axis=-1))
    found = grad_cam(model, images, layer="maps", class_ids=ids)
    np.testing.assert_allclose(found, normalized(np.stack(expected)), atol=1e-4)


@pytest.mark.parametrize(
    ("model", "size"),
    [
        (lambda: LeNet5(3, input_shape=(28, 28, 1), width=0.3), None),
        (lambda: ResNet(3, input_shape=(32, 48, 3), variant="18", width=0.05), (1, 2)),
    ],
    ids=["lenet5", "resnet"],
)
def test_the_last_layer_with_maps_is_found(model, size):
    keras.utils.set_random_seed(0)
    model = model()
    heat = grad_cam(model, noise(2, *model.input_shape[1:]))
    assert heat.ndim == 3 and heat.shape[1] * heat.shape[2] > 1
    assert size is None or heat.shape[1:] == size
    assert heat.min() >= 0 and heat.max() <= 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"layer": "nowhere"}, "`layer` must be a layer of `model` or its name. Received: .*nowhere"),
        ({"layer": "logits"}, "`layer` must be a layer with two spatial axes. Received: .*logits"),
        ({"class_ids": [0]}, "`class_ids` must be 2 integers, one per input"),
        ({"class_ids": [0.5, 1.0]}, "`class_ids` must be 2 integers, one per input"),
        ({"class_ids": [0, 4]}, "`class_ids` must be classes from 0 to 3"),
        ({"model": None}, "`model` must be a keras.Model"),
        ({"model": "flat"}, "`model` must be a model with a layer that has two spatial axes"),
    ],
)
def test_bad_arguments_are_refused(changed, message):
    inputs = keras.Input((4, 4, 1))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(2, 3)(inputs))
    arguments = {"model": keras.Model(inputs, layers.Dense(4, name="logits")(x)), **changed}
    if arguments["model"] == "flat":
        arguments["model"] = keras.Sequential([keras.Input((3,)), layers.Dense(4)])
    with pytest.raises(ValueError, match=message):
        grad_cam(inputs=noise(2, 4, 4, 1), **arguments)
