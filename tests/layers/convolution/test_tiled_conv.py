"""TiledConv against a convolution by loops that selects its kernel by position."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import TiledConv1D, TiledConv2D
from tests.helpers import WEIGHT_ARGUMENTS


def as_tuple(value, rank):
    return (value,) * rank if isinstance(value, int) else tuple(value)


def convolved(inputs, kernel, *, strides=1, padding="valid", dilation_rate=1, groups=1, tile_size=2):
    """Returns a channels_last convolution; output position `place` uses kernel `place % tile_size`."""
    rank = inputs.ndim - 2
    strides, dilation_rate = as_tuple(strides, rank), as_tuple(dilation_rate, rank)
    size, filters = kernel.shape[rank:-2], kernel.shape[-1]
    counts, before = [], []
    for length, extent, stride, dilation in zip(
        inputs.shape[1:-1], size, strides, dilation_rate, strict=True
    ):
        reach = dilation * (extent - 1)
        counts.append(
            (length - reach - 1) // stride + 1 if padding == "valid" else int(np.ceil(length / stride))
        )
        missing = max((counts[-1] - 1) * stride + reach + 1 - length, 0)
        before.append({"valid": 0, "same": missing // 2, "causal": reach}[padding])
    outputs = np.zeros((inputs.shape[0], *counts, filters))
    for place in np.ndindex(*counts):
        own = kernel[tuple(index % tile_size for index in place)]
        for tap in np.ndindex(*size):
            source = [
                index * stride + offset * dilation - skipped
                for index, stride, offset, dilation, skipped in zip(
                    place, strides, tap, dilation_rate, before, strict=True
                )
            ]
            if any(not 0 <= index < length for index, length in zip(source, inputs.shape[1:-1], strict=True)):
                continue
            for example in range(inputs.shape[0]):
                parts = np.split(inputs[(example, *source)], groups)
                weights = np.split(own[tap], groups, axis=1)
                products = [part @ weight for part, weight in zip(parts, weights, strict=True)]
                outputs[(example, *place)] += np.concatenate(products)
    return outputs


ACTIVATIONS = {
    None: lambda x: x,
    "relu": lambda x: np.where(x > 0, x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
}


def reference(
    inputs,
    weights,
    data_format=None,
    activation=None,
    strides=1,
    padding="valid",
    dilation_rate=1,
    groups=1,
    tile_size=2,
    **_,
):
    first = (data_format or keras.config.image_data_format()) == "channels_first"
    inputs = np.moveaxis(inputs, 1, -1) if first else inputs
    outputs = convolved(
        inputs,
        weights["kernel"],
        strides=strides,
        padding=padding,
        dilation_rate=dilation_rate,
        groups=groups,
        tile_size=tile_size,
    )
    outputs = ACTIVATIONS[activation](outputs + weights.get("bias", 0.0))
    return np.moveaxis(outputs, -1, 1) if first else outputs


COMMON = {
    "filters": 4,
    "padding": "same",
    "data_format": "channels_last",
    "groups": 1,
    "activation": "sigmoid",
    **WEIGHT_ARGUMENTS,
    "tile_size": 3,
}

CASES = [
    dict(
        cls=TiledConv1D,
        init_kwargs={**COMMON, "kernel_size": 4, "strides": 1, "dilation_rate": 2},
        input_shape=(2, 11, 3),
        reference=reference,
    ),
    dict(
        cls=TiledConv2D,
        init_kwargs={**COMMON, "kernel_size": (3, 2), "strides": (2, 1), "dilation_rate": 1},
        input_shape=(2, 9, 7, 3),
        reference=reference,
    ),
    dict(
        cls=TiledConv2D,
        init_kwargs={"filters": 4, "kernel_size": 3, "groups": 2, "use_bias": False},
        input_shape=(1, 7, 8, 4),
        reference=reference,
    ),
    dict(
        cls=TiledConv2D,
        init_kwargs={"filters": 2, "kernel_size": 2, "dilation_rate": (2, 3), "activation": "relu"},
        input_shape=(1, 7, 9, 3),
        reference=reference,
    ),
    dict(
        cls=TiledConv1D,
        init_kwargs={"filters": 2, "kernel_size": 3, "strides": 2, "padding": "causal"},
        input_shape=(2, 8, 3),
        reference=reference,
    ),
]


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("tile_size", [2, 3])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize(
    "arguments",
    [
        {"kernel_size": 3},
        {"kernel_size": 1},
        {"kernel_size": (2, 3), "strides": (1, 3)},
        {"kernel_size": 2, "strides": 3},
        {"kernel_size": (4, 1), "strides": 2},
        {"kernel_size": 3, "dilation_rate": 2},
        {"kernel_size": (3, 2), "dilation_rate": (1, 3)},
    ],
)
def test_every_position_uses_its_own_kernel(arguments, padding, tile_size):
    for size in [(9, 8), (7, 10)]:
        inputs = noise(1, *size, 2)
        layer = TiledConv2D(3, padding=padding, tile_size=tile_size, use_bias=False, **arguments)
        outputs = numpy_of(layer(inputs))
        arguments_of_loop = {name: value for name, value in arguments.items() if name != "kernel_size"}
        expected = convolved(
            inputs, numpy_of(layer.kernel), padding=padding, tile_size=tile_size, **arguments_of_loop
        )
        assert layer.compute_output_shape(inputs.shape) == outputs.shape
        np.testing.assert_allclose(outputs, expected, atol=1e-5)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"padding": "same", "strides": 2},
        {"padding": "same", "dilation_rate": 2},
        {"groups": 2, "activation": "relu"},
    ],
)
def test_one_tile_equals_conv2d(arguments):
    inputs = noise(2, 9, 8, 4)
    layer = TiledConv2D(6, 3, tile_size=1, bias_initializer="ones", **arguments)
    sibling = keras.layers.Conv2D(6, 3, **arguments)
    layer.build(inputs.shape)
    sibling.build(inputs.shape)
    sibling.set_weights([layer.get_weights()[0][0, 0], layer.get_weights()[1]])
    np.testing.assert_array_equal(numpy_of(layer(inputs)), numpy_of(sibling(inputs)))


def test_one_tile_equals_causal_conv1d():
    inputs = noise(2, 9, 4)
    layer = TiledConv1D(6, 3, padding="causal", dilation_rate=2, tile_size=1)
    sibling = keras.layers.Conv1D(6, 3, padding="causal", dilation_rate=2)
    layer.build(inputs.shape)
    sibling.build(inputs.shape)
    sibling.set_weights([layer.get_weights()[0][0], layer.get_weights()[1]])
    np.testing.assert_allclose(numpy_of(layer(inputs)), numpy_of(sibling(inputs)), rtol=1e-6, atol=1e-7)


def test_equal_kernels_equal_conv2d():
    inputs = noise(2, 9, 8, 3)
    sibling = keras.layers.Conv2D(4, 3, padding="same")
    expected = numpy_of(sibling(inputs))
    layer = TiledConv2D(4, 3, padding="same", tile_size=2)
    layer.build(inputs.shape)
    kernel, bias = sibling.get_weights()
    layer.set_weights([np.broadcast_to(kernel, (2, 2, *kernel.shape)), bias])
    np.testing.assert_allclose(numpy_of(layer(inputs)), expected, atol=1e-5)


def test_a_3x3_case_by_hand():
    layer = TiledConv2D(1, 1, use_bias=False, tile_size=2)
    layer.build((1, 3, 3, 1))
    layer.set_weights([np.array([[1, 10], [100, 1000]], "float32").reshape(2, 2, 1, 1, 1, 1)])
    outputs = numpy_of(layer(np.arange(1, 10, dtype="float32").reshape(1, 3, 3, 1)))[0, ..., 0]
    np.testing.assert_array_equal(outputs, [[1, 20, 3], [400, 5000, 600], [7, 80, 9]])


def test_a_map_smaller_than_the_tile_is_accepted():
    inputs = noise(1, 2, 1, 2)
    layer = TiledConv2D(3, 3, padding="same", tile_size=4, use_bias=False)
    expected = convolved(inputs, numpy_of((layer(inputs), layer.kernel)[1]), padding="same", tile_size=4)
    np.testing.assert_allclose(numpy_of(layer(inputs)), expected, atol=1e-5)


def test_kernels_are_initialized_one_by_one():
    layer = TiledConv2D(64, 3, tile_size=3, kernel_initializer=keras.initializers.HeNormal(seed=7))
    layer.build((None, 8, 8, 32))
    kernels = layer.get_weights()[0].reshape(9, -1)
    # Fan-in of one kernel, not of the whole tensor; truncation does not change HeNormal's variance.
    np.testing.assert_allclose(kernels.std(axis=1), (2 / (3 * 3 * 32)) ** 0.5, rtol=0.03)
    assert len({tuple(kernel[:8]) for kernel in kernels}) == 9
    correlations = np.corrcoef(kernels) - np.eye(9)
    assert np.abs(correlations).max() < 0.05


def test_the_first_kernel_equals_conv2d_and_a_seed_repeats_all_kernels():
    def kernel(cls, **arguments):
        layer = cls(4, 3, kernel_initializer=keras.initializers.GlorotUniform(seed=3), **arguments)
        layer.build((None, 8, 8, 2))
        return layer.get_weights()[0]

    tiles = kernel(TiledConv2D)
    np.testing.assert_array_equal(tiles[0, 0], kernel(keras.layers.Conv2D))
    np.testing.assert_array_equal(tiles, kernel(TiledConv2D))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"filters": 0}, "`filters` must be a positive integer. Received: filters=0"),
        ({"kernel_size": (3, 3, 3)}, "`kernel_size` must be a positive integer or 2 of them"),
        ({"strides": 0}, "`strides` must be a positive integer or 2 of them. Received: strides="),
        ({"padding": "causal"}, "`padding` must be one of 'valid', 'same'. Received: padding='causal'"),
        ({"data_format": "x"}, "`data_format` must be one of"),
        ({"dilation_rate": -1}, "`dilation_rate` must be a positive integer or 2 of them"),
        ({"dilation_rate": 2, "strides": 2}, "`dilation_rate` must be 1 with strides=(2, 2)"),
        ({"groups": 3}, "`groups` must be a divisor of filters=4. Received: groups=3"),
        ({"use_bias": 1}, "`use_bias` must be True or False. Received: use_bias=1"),
        ({"tile_size": 0}, "`tile_size` must be a positive integer. Received: tile_size=0"),
        ({"tile_size": 1.5}, "`tile_size` must be a positive integer. Received: tile_size=1.5"),
        ({"activation": "nonsense"}, "nonsense"),
        ({"kernel_initializer": "nonsense"}, "nonsense"),
        ({"bias_initializer": "nonsense"}, "nonsense"),
        ({"kernel_regularizer": "nonsense"}, "nonsense"),
        ({"bias_regularizer": "nonsense"}, "nonsense"),
        ({"activity_regularizer": "nonsense"}, "nonsense"),
        ({"kernel_constraint": "nonsense"}, "nonsense"),
        ({"bias_constraint": "nonsense"}, "nonsense"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError) as caught:
        TiledConv2D(**{"filters": 4, "kernel_size": 3, **arguments})
    assert message in str(caught.value)


def test_refuses_inputs_that_do_not_fit():
    with pytest.raises(ValueError, match=r"window of `TiledConv2D` is larger"):
        TiledConv2D(4, 3).build((1, 2, 8, 3))
    with pytest.raises(ValueError, match=r"`TiledConv1D` takes inputs of rank 3"):
        TiledConv1D(4, 3).build((1, 8, 8, 3))
    with pytest.raises(
        ValueError, match=r"divisible by `groups`. Received: groups=2, input_shape=\(1, 8, 8, 3\)"
    ):
        TiledConv2D(4, 3, groups=2).build((1, 8, 8, 3))
