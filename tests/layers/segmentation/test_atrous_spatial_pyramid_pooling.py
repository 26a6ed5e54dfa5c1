"""AtrousSpatialPyramidPooling2D against the papers' figures by loops, its limits, and Keras' layers."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import AtrousSpatialPyramidPooling2D


def convolved(inputs, kernel, bias, rate):
    """Returns a dilated convolution with "same" zero padding, channels last."""
    batch, height, width, _ = inputs.shape
    size, _, channels, filters = kernel.shape
    outputs = np.zeros((batch, height, width, filters))
    for n, y, x, f in np.ndindex(outputs.shape):
        for i, j, c in np.ndindex(size, size, channels):
            row, column = y + (i - size // 2) * rate, x + (j - size // 2) * rate
            if 0 <= row < height and 0 <= column < width:
                outputs[n, y, x, f] += inputs[n, row, column, c] * kernel[i, j, c, f]
    return outputs + bias


def activated(x, activation):
    functions = {
        "relu": lambda v: np.maximum(v, 0),
        "elu": lambda v: np.where(v > 0, v, np.expm1(v)),
        "tanh": np.tanh,
    }
    return functions.get(activation, lambda v: v)(x)


def reference(inputs, weights, rates, image_pooling=True, combine="concat", data_format=None, **options):
    first = (data_format or keras.config.image_data_format()) == "channels_first"
    inputs = np.moveaxis(inputs, 1, -1) if first else inputs
    activation = options.get("activation", "relu")

    def convolution(x, name, rate=1):
        return convolved(x, weights[f"{name}/kernel"], weights.get(f"{name}/bias", 0.0), rate)

    def normalized(x, name, rate=1):
        x = convolution(x, f"{name}_convolution", rate)
        scope = f"{name}_normalization"
        if f"{scope}/gamma" in weights:
            mean, variance = weights[f"{scope}/moving_mean"], weights[f"{scope}/moving_variance"]
            x = (x - mean) / np.sqrt(variance + 1e-5) * weights[f"{scope}/gamma"] + weights[f"{scope}/beta"]
        return activated(x, activation)

    def plain(x, name, rate=1):
        if options.get("hidden_filters") is None:
            return convolution(x, f"{name}_convolution", rate)
        for number in (1, 2):
            x = activated(
                convolution(x, f"{name}_convolution_{number}", rate if number == 1 else 1), activation
            )
        return convolution(x, f"{name}_convolution_3")

    branch = normalized if combine == "concat" else plain
    branches = [normalized(inputs, "pointwise")] if combine == "concat" else []
    branches += [branch(inputs, f"atrous_{index + 1}", rate) for index, rate in enumerate(rates)]
    if image_pooling:
        mean = inputs.mean(axis=(1, 2), keepdims=True)
        branches.append(np.broadcast_to(branch(mean, "image"), branches[0].shape))
    if combine == "concat":
        outputs = normalized(np.concatenate(branches, axis=-1), "projection")
    else:
        outputs = np.sum(branches, axis=0)
    return np.moveaxis(outputs, -1, 1) if first else outputs


CASES = [
    dict(
        cls=AtrousSpatialPyramidPooling2D,
        init_kwargs={
            "filters": 3,
            "rates": (1, 3),
            "image_pooling": True,
            "combine": "concat",
            "hidden_filters": None,
            # Keras' normalizations (and tanh on JAX) compute float64 in float32; another case has both.
            "normalization": None,
            "activation": "elu",
            "data_format": "channels_last",
            "kernel_initializer": "glorot_normal",
        },
        input_shape=(2, 5, 6, 4),
        reference=reference,
    ),
    dict(
        cls=AtrousSpatialPyramidPooling2D,
        init_kwargs={
            "filters": 2,
            "rates": (1, 2, 4),
            "image_pooling": False,
            "combine": "sum",
            "hidden_filters": 5,
        },
        input_shape=(2, 5, 4, 3),
        reference=reference,
    ),
    dict(
        cls=AtrousSpatialPyramidPooling2D,
        init_kwargs={"filters": 2, "rates": (2,), "combine": "sum"},
        input_shape=(1, 4, 5, 3),
        reference=reference,
    ),
    dict(
        cls=AtrousSpatialPyramidPooling2D,
        init_kwargs={"filters": 3, "rates": (1, 3), "normalization": "batch", "activation": "tanh"},
        input_shape=(2, 5, 6, 4),
        reference=reference,
    ),
    dict(
        cls=AtrousSpatialPyramidPooling2D,
        init_kwargs={
            "filters": 4,
            "rates": (2, 1),
            "image_pooling": False,
            "normalization": None,
            "activation": None,
        },
        input_shape=(1, 6, 4, 2),
        reference=reference,
    ),
]


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def test_the_parameter_count_matches_torchvision():
    """torchvision's deeplabv3.ASPP(64, [12, 24, 36], 16): five branches and one projection."""
    layer = AtrousSpatialPyramidPooling2D(16, rates=(12, 24, 36))
    layer.build((None, None, None, 64))
    trainable = sum(int(np.prod(weight.shape)) for weight in layer.trainable_weights)
    norms = 2 * 16 * 6
    assert trainable == 64 * 16 * (1 + 3 * 9 + 1) + 5 * 16 * 16 + norms


def test_the_sum_equals_keras_convolutions():
    inputs = noise(2, 9, 8, 3)
    layer = AtrousSpatialPyramidPooling2D(4, rates=(1, 2, 3), image_pooling=False, combine="sum")
    outputs = numpy_of(layer(inputs))
    expected = 0
    for index, rate in enumerate((1, 2, 3)):
        convolution = keras.layers.Conv2D(4, 3, padding="same", dilation_rate=rate)
        convolution.build(inputs.shape)
        convolution.set_weights(layer.get_weights()[2 * index : 2 * index + 2])
        expected = expected + numpy_of(convolution(inputs))
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


def test_a_rate_larger_than_the_map_leaves_only_the_center_tap():
    inputs = noise(1, 4, 5, 3)
    layer = AtrousSpatialPyramidPooling2D(2, rates=(5,), image_pooling=False, combine="sum")
    outputs = numpy_of(layer(inputs))
    kernel, bias = layer.get_weights()
    np.testing.assert_allclose(outputs, inputs @ kernel[1, 1] + bias, atol=1e-5)


def test_only_the_image_branch_sees_distant_positions():
    options = {"rates": (1,), "normalization": None, "kernel_initializer": "ones"}
    far = np.ones((1, 9, 9, 2), "float32")
    far[0, 8, 8] = 50.0
    near = np.ones((1, 9, 9, 2), "float32")
    for image_pooling in (True, False):
        layer = AtrousSpatialPyramidPooling2D(1, image_pooling=image_pooling, **options)
        same = numpy_of(layer(far))[0, 0, 0] == numpy_of(layer(near))[0, 0, 0]
        assert bool(same.all()) is not image_pooling


def test_constant_maps_and_one_pixel_are_accepted():
    layer = AtrousSpatialPyramidPooling2D(3, rates=(6, 12))
    assert layer(noise(2, 1, 1, 4)).shape == (2, 1, 1, 3)
    constant = numpy_of(
        AtrousSpatialPyramidPooling2D(3, rates=(1,), combine="sum")(np.zeros((1, 3, 3, 2), "float32"))
    )
    assert (constant == 0).all()


def test_kernels_of_the_branches_differ():
    layer = AtrousSpatialPyramidPooling2D(3, rates=(1, 2), combine="sum", image_pooling=False)
    layer.build((1, 4, 4, 2))
    first, second = layer.get_weights()[0], layer.get_weights()[2]
    assert np.abs(first - second).max() > 0


def test_a_prototype_sets_the_normalization():
    layer = AtrousSpatialPyramidPooling2D(
        4, rates=(1,), normalization=keras.layers.GroupNormalization(2, axis=-1), data_format="channels_last"
    )
    layer.build((1, 4, 4, 2))
    names = [part.name for part in layer.branches[1]]
    assert names == ["atrous_1_convolution", "atrous_1_normalization", "atrous_1_activation"]
    assert isinstance(layer.branches[1][1], keras.layers.GroupNormalization)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"filters": 0}, "`filters` must be a positive integer. Received: filters=0"),
        ({"rates": ()}, "`rates` must be a sequence of positive integers. Received: rates=\\(\\)"),
        ({"rates": 6}, "`rates` must be a sequence of positive integers. Received: rates=6"),
        ({"rates": (6, 0)}, "`rates` must be .* Received: rates=\\(6, 0\\)"),
        ({"image_pooling": 1}, "`image_pooling` must be True or False. Received: image_pooling=1"),
        ({"combine": "mean"}, "`combine` must be one of 'concat', 'sum'. Received: combine='mean'"),
        ({"combine": "sum", "hidden_filters": 0}, "`hidden_filters` must be a positive integer or None"),
        ({"hidden_filters": 4}, '`hidden_filters` needs combine="sum". Received: hidden_filters=4'),
        ({"normalization": "layer"}, "`normalization` must be a keras.Layer, None, or one of 'batch'"),
        ({"activation": "relux"}, "`activation` must be a keras.Layer, None, or the name"),
        ({"data_format": "nhwc"}, "`data_format` must be one of"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        AtrousSpatialPyramidPooling2D(**{"filters": 4, "rates": (1, 2), **arguments})


@pytest.mark.parametrize("shape", [(1, 4, 4), (1, 4, 4, None), (1, 2, 4, 4, 3)])
def test_bad_shapes_fail_at_build(shape):
    with pytest.raises(ValueError, match="rank 4 with a known number of channels"):
        AtrousSpatialPyramidPooling2D(4, rates=(1,)).build(shape)
