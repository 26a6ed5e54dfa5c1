"""deconvolution_view against a deconvolutional network as loops: unpool, rectify, filter."""

import keras
import numpy as np
import pytest
from keras import layers

from keras_cnn_zoo.models import ResNet, deconvolution_view

CASES = []


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def convolved(maps, kernel, bias):
    """Returns a valid convolution of one image (height, width, channels)."""
    k = kernel.shape[0]
    outputs = np.zeros((maps.shape[0] - k + 1, maps.shape[1] - k + 1, kernel.shape[-1]))
    for y, x in np.ndindex(outputs.shape[:2]):
        outputs[y, x] = np.tensordot(maps[y : y + k, x : x + k], kernel, 3) + bias
    return outputs


def filtered_back(maps, kernel):
    """Applies the transposed filters: each activation adds its kernel where its input was."""
    k = kernel.shape[0]
    outputs = np.zeros((maps.shape[0] + k - 1, maps.shape[1] + k - 1, kernel.shape[2]))
    for y, x, f in np.ndindex(maps.shape):
        outputs[y : y + k, x : x + k] += maps[y, x, f] * kernel[..., f]
    return outputs


def pooled(maps, size, stride):
    """Returns the maxima and their positions in the map."""
    counts = [(length - size) // stride + 1 for length in maps.shape[:2]]
    outputs, switches = np.zeros((*counts, maps.shape[2])), {}
    for y, x, c in np.ndindex(outputs.shape):
        window = maps[y * stride : y * stride + size, x * stride : x * stride + size, c]
        i, j = np.unravel_index(window.argmax(), window.shape)
        outputs[y, x, c], switches[y, x, c] = window[i, j], (y * stride + i, x * stride + j, c)
    return outputs, switches


def unpooled(maps, switches, shape):
    outputs = np.zeros(shape)
    for place, target in switches.items():
        outputs[target] += maps[place]
    return outputs


def viewed(picture, weights, channel, keep):
    """Runs Zeiler and Fergus' network for two stages of convolution, ReLU and 3 x 3 pooling with stride 2."""
    first, first_bias, second, second_bias = weights
    below = np.maximum(convolved(picture, first, first_bias), 0)
    middle, switches_1 = pooled(below, 3, 2)
    above = np.maximum(convolved(middle, second, second_bias), 0)
    top, switches_2 = pooled(above, 3, 2)
    signal = np.zeros_like(top)
    places = list(np.ndindex(top.shape[:2]))
    if keep == "strongest":
        places = [np.unravel_index(top[..., channel].argmax(), top.shape[:2])]
    elif keep != "all":
        places = [keep]
    for y, x in places:
        signal[y, x, channel] = top[y, x, channel]
    signal = np.maximum(unpooled(signal, switches_2, above.shape), 0)
    signal = filtered_back(signal, second)
    signal = np.maximum(unpooled(signal, switches_1, below.shape), 0)
    return filtered_back(signal, first)


def rectified(way, name):
    """Returns a convolution and its ReLU in one of the ways that users write them."""
    if way == "argument":
        return [layers.Conv2D(4, 3, activation="relu", bias_initializer="random_normal", name=name)]
    convolution = layers.Conv2D(4, 3, bias_initializer="random_normal", name=name)
    after = {
        "layer": layers.ReLU,
        "activation": lambda: layers.Activation("relu"),
        "operation": lambda: keras.ops.relu,
    }
    return [convolution, after[way]()]


def network(way="argument"):
    keras.utils.set_random_seed(1)
    inputs = x = keras.Input((17, 18, 2))
    for name in ("first", "second"):
        for part in [*rectified(way, name), layers.MaxPooling2D(3, 2, name=f"{name}_pool")]:
            x = part(x)
    return keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x)))


@pytest.mark.parametrize("way", ["argument", "layer", "activation", "operation"])
@pytest.mark.parametrize("position", ["strongest", "all", (1, 0)])
def test_it_is_the_papers_deconvolutional_network(way, position):
    model, pictures = network(way), noise(2, 17, 18, 2)
    weights = model.get_weights()[:4]
    view = deconvolution_view(model, pictures, "second_pool", channel=2, position=position)
    for picture, projection in zip(pictures, view, strict=True):
        expected = viewed(picture.astype("float64"), weights, 2, position)
        np.testing.assert_allclose(projection, expected, atol=1e-4)
        assert np.abs(expected).max() > 0.01


def test_it_is_not_the_gradient():
    from keras_cnn_zoo.utils.autodiff import value_and_gradients

    model, pictures = network(), noise(1, 17, 18, 2)
    features = keras.Model(model.inputs, model.get_layer("second_pool").output)
    _, (gradient,), _ = value_and_gradients(
        lambda x: keras.ops.sum(keras.ops.square(features(x)[..., 2])) / 2, [pictures]
    )
    view = deconvolution_view(model, pictures, "second_pool", channel=2, position="all")
    assert np.abs(view - keras.ops.convert_to_numpy(gradient)).max() > 0.01


def test_only_the_receptive_field_of_the_unit_is_nonzero():
    model = network()
    view = deconvolution_view(model, noise(1, 17, 18, 2), "second_pool", channel=1, position=(0, 0))
    # Receptive field of a unit after 3, 3/2, 3, 3/2: 13 pixels from the corner.
    assert not view[:, 13:].any() and not view[:, :, 13:].any()


def test_the_model_does_not_change():
    model, pictures = network("layer"), noise(1, 17, 18, 2)
    before = keras.ops.convert_to_numpy(model(pictures))
    with pytest.raises(ValueError, match="position"):
        deconvolution_view(model, pictures, "second_pool", channel=0, position=(9, 9))
    deconvolution_view(model, pictures, "second_pool", channel=0)
    assert all("call" not in vars(layer) for layer in model.layers)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(model(pictures)), before)
    model = network("argument")
    deconvolution_view(model, pictures, model.get_layer("second"), channel=0)
    assert model.get_layer("second").activation is keras.activations.relu


def test_rectifiers_inside_blocks_and_nested_models_count():
    # Below the last ReLU every signal is rectified, so a kernel of -1 blocks it.
    def negative():
        return layers.Conv2D(1, 1, use_bias=False, kernel_initializer=keras.initializers.Constant(-1.0))

    inner = keras.Sequential([layers.Conv2D(1, 1, kernel_initializer="ones", activation="relu"), negative()])
    inputs = keras.Input((4, 4, 1))
    model = keras.Model(inputs, layers.Conv2D(1, 1, kernel_initializer="ones", name="top")(inner(inputs)))
    view = deconvolution_view(model, np.ones((1, 4, 4, 1)), "top", channel=0, position="all")
    # The top's activation is -1, its signal -1 becomes 1 at the negative kernel, and passes the ReLU.
    np.testing.assert_allclose(view, 1.0)
    view = deconvolution_view(model, -np.ones((1, 4, 4, 1)), "top", channel=0, position="all")
    assert not view.any()


def test_works_with_a_model_of_the_zoo_and_a_unit_without_spatial_axes():
    model = ResNet(num_classes=5, input_shape=(32, 32, 3), variant="18", width=0.0625)
    pictures = noise(2, 32, 32, 3)
    view = deconvolution_view(model, pictures, model.layers[-1].name, channel=4)
    assert view.shape == pictures.shape and np.isfinite(view).all() and view.any()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"model": "model"}, "`model` must be a keras.Model. Received: model='model'"),
        ({"model": keras.Sequential([layers.Dense(2)])}, "`model` must be a functional or built sequential"),
        ({"layer": "nonsense"}, "`layer` must be a layer of `model` or its name. Received: layer='nonsense'"),
        ({"channel": 4}, "`channel` must be one of the layer's 4 channels. Received: channel=4"),
        ({"channel": -1}, "`channel` must be a non-negative integer. Received: channel=-1"),
        ({"position": "weakest"}, "`position` must be 'strongest', 'all', or 2 non-negative integers"),
        ({"position": (1,)}, "`position` must be 'strongest', 'all', or 2 non-negative integers"),
        ({"position": (7, 0)}, r"`position` must be inside the layer's map of \(2, 2\). Received: position="),
    ],
)
def test_invalid_arguments_raise(arguments, message):
    arguments = {
        "model": network(),
        "images": noise(1, 17, 18, 2),
        "layer": "second_pool",
        "channel": 0,
        **arguments,
    }
    with pytest.raises(ValueError, match=message):
        deconvolution_view(**arguments)
