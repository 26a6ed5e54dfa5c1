"""LocallyConnected against loops with a separate kernel at every position."""

import hypothesis
import keras
import numpy as np
import pytest
from hypothesis import strategies

from keras_cnn_zoo.layers import LocallyConnected1D, LocallyConnected2D
from tests.helpers import WEIGHT_ARGUMENTS
from tests.layers.convolution.oracles import ACTIVATIONS, as_tuple, convolved, in_layout, noise, numpy_of


def reference(
    inputs, weights, filters, kernel_size, data_format=None, activation=None, strides=1, padding="valid", **_
):
    rank = inputs.ndim - 2
    size = as_tuple(kernel_size, rank)
    kernels = weights["kernel"]

    def function(inputs):
        counts = [
            (length - extent) // stride + 1 if padding == "valid" else -(-length // stride)
            for length, extent, stride in zip(inputs.shape[1:-1], size, as_tuple(strides, rank), strict=True)
        ]

        def kernel_at(place):
            number = 0
            for index, count in zip(place, counts, strict=True):
                number = number * count + index
            return kernels[number].reshape(*size, inputs.shape[-1], filters)

        outputs = convolved(inputs, kernel_at, size, filters, strides=strides, padding=padding)
        return ACTIVATIONS[activation](outputs + weights.get("bias", 0.0))

    return in_layout(function, inputs, data_format)


COMMON = {
    "filters": 4,
    "padding": "same",
    "data_format": "channels_last",
    "activation": "sigmoid",
    **WEIGHT_ARGUMENTS,
    "implementation": 1,
}

CASES = [
    dict(
        cls=LocallyConnected1D,
        init_kwargs={**COMMON, "kernel_size": 4, "strides": 3},
        input_shape=(2, 11, 3),
        reference=reference,
    ),
    dict(
        cls=LocallyConnected2D,
        init_kwargs={**COMMON, "kernel_size": (3, 2), "strides": (2, 1)},
        input_shape=(2, 9, 5, 3),
        reference=reference,
    ),
    dict(
        cls=LocallyConnected1D,
        init_kwargs={"filters": 2, "kernel_size": 3, "use_bias": False},
        input_shape=(1, 7, 2),
        reference=reference,
    ),
    dict(
        cls=LocallyConnected2D,
        init_kwargs={
            "filters": 3,
            "kernel_size": 3,
            "strides": 2,
            "activation": "relu",
            "data_format": "channels_first",
        },
        input_shape=(2, 3, 7, 8),
        reference=reference,
    ),
]


@strategies.composite
def geometries(draw):
    """Draws kernels that fit the map, or are padded, with strides below and above the kernel size."""
    rank = draw(strategies.sampled_from([1, 2]))
    padding = draw(strategies.sampled_from(["valid", "same"]))
    size = tuple(draw(strategies.integers(1, 4)) for _ in range(rank))
    lowest = size if padding == "valid" else (1,) * rank
    return {
        "kernel_size": size,
        "strides": tuple(draw(strategies.integers(1, 5)) for _ in range(rank)),
        "padding": padding,
        "lengths": tuple(draw(strategies.integers(low, low + 6)) for low in lowest),
        "data_format": draw(strategies.sampled_from(["channels_last", "channels_first"])),
    }


@hypothesis.given(geometries())
def test_every_position_has_its_own_kernel(geometry):
    lengths = geometry.pop("lengths")
    shape = (2, *lengths, 3) if geometry["data_format"] == "channels_last" else (2, 3, *lengths)
    inputs = noise(*shape)
    layer = (LocallyConnected1D if len(lengths) == 1 else LocallyConnected2D)(2, use_bias=False, **geometry)
    outputs = numpy_of(layer(inputs))
    assert layer.compute_output_shape(shape) == outputs.shape
    expected = reference(inputs.astype("float64"), {"kernel": layer.get_weights()[0]}, 2, **geometry)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


@pytest.mark.parametrize(
    "arguments", [{}, {"padding": "same", "strides": 2}, {"strides": (3, 1), "activation": "relu"}]
)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_equal_kernels_equal_conv2d(arguments, data_format):
    inputs = noise(2, 9, 8, 7)
    sibling = keras.layers.Conv2D(4, 3, bias_initializer="ones", data_format=data_format, **arguments)
    expected = numpy_of(sibling(inputs))
    layer = LocallyConnected2D(4, 3, data_format=data_format, **arguments)
    layer.build(inputs.shape)
    kernel, bias = sibling.get_weights()
    kernels, biases = layer.get_weights()
    layer.set_weights(
        [
            np.broadcast_to(kernel.reshape(-1, 4), kernels.shape),
            np.broadcast_to(bias, biases.shape),
        ]
    )
    np.testing.assert_allclose(numpy_of(layer(inputs)), expected, atol=1e-5)


def test_equal_kernels_equal_conv1d():
    inputs = noise(2, 9, 3)
    sibling = keras.layers.Conv1D(4, 3, strides=2)
    expected = numpy_of(sibling(inputs))
    layer = LocallyConnected1D(4, 3, strides=2, use_bias=False)
    layer.build(inputs.shape)
    kernel = sibling.get_weights()[0].reshape(-1, 4)
    layer.set_weights([np.broadcast_to(kernel, layer.kernel.shape)])
    np.testing.assert_allclose(numpy_of(layer(inputs)), expected, atol=1e-5)


def test_a_kernel_as_large_as_the_map_equals_dense():
    inputs = noise(3, 4, 5, 2)
    dense = keras.layers.Dense(6, bias_initializer="ones")
    expected = numpy_of(dense(inputs.reshape(3, -1)))
    layer = LocallyConnected2D(6, (4, 5))
    layer.build(inputs.shape)
    kernel, bias = dense.get_weights()
    layer.set_weights([kernel[None], bias[None, None]])
    np.testing.assert_allclose(numpy_of(layer(inputs))[:, 0, 0], expected, atol=1e-5)


def test_a_3x3_case_by_hand():
    layer = LocallyConnected2D(1, 1)
    layer.build((1, 3, 3, 1))
    layer.set_weights([np.arange(9.0).reshape(9, 1, 1), np.full((3, 3, 1), 0.5)])
    outputs = numpy_of(layer(np.full((1, 3, 3, 1), 2.0, "float32")))[0, ..., 0]
    np.testing.assert_array_equal(outputs, [[0.5, 2.5, 4.5], [6.5, 8.5, 10.5], [12.5, 14.5, 16.5]])


def test_weight_shapes_match_keras_2():
    """Keras 2's `kernel_shape` for implementation 1: positions, taps * channels, filters."""
    layer = LocallyConnected2D(5, (3, 2), strides=(2, 1))
    layer.build((None, 8, 9, 4))
    assert [weight.shape for weight in layer.weights] == [(3 * 8, 3 * 2 * 4, 5), (3, 8, 5)]
    layer = LocallyConnected1D(5, 3)
    layer.build((None, 9, 4))
    assert [weight.shape for weight in layer.weights] == [(7, 3 * 4, 5), (7, 5)]


def test_a_keras_2_config_is_accepted():
    config = {"filters": 4, "kernel_size": (3, 3), "padding": "valid", "implementation": 1}
    assert LocallyConnected2D.from_config(config).get_config()["implementation"] == 1


def test_each_kernel_is_initialized_like_a_convolution_kernel():
    layer = LocallyConnected2D(64, 3, kernel_initializer=keras.initializers.HeNormal(seed=7))
    layer.build((None, 5, 5, 32))
    kernels = layer.get_weights()[0].reshape(9, -1)
    # Truncation does not change HeNormal's variance.
    np.testing.assert_allclose(kernels.std(axis=1), (2 / (3 * 3 * 32)) ** 0.5, rtol=0.03)
    assert np.abs(np.corrcoef(kernels) - np.eye(9)).max() < 0.05


def test_an_orthogonal_initializer_makes_each_kernel_orthogonal():
    layer = LocallyConnected1D(3, 2, kernel_initializer="orthogonal")
    layer.build((None, 5, 4))
    for kernel in layer.get_weights()[0]:
        np.testing.assert_allclose(kernel.T @ kernel, np.eye(3), atol=1e-5)


def test_one_pixel_and_a_large_window_are_accepted():
    inputs = noise(1, 2, 1, 3)
    layer = LocallyConnected2D(2, 5, padding="same", use_bias=False)
    outputs = numpy_of(layer(inputs))
    weights = {"kernel": layer.get_weights()[0]}
    np.testing.assert_allclose(
        outputs, reference(inputs.astype("float64"), weights, 2, 5, padding="same"), atol=1e-5
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"filters": 0}, "`filters` must be a positive integer. Received: filters=0"),
        ({"kernel_size": (3, 3, 3)}, "`kernel_size` must be a positive integer or 2 of them"),
        ({"strides": 0}, "`strides` must be a positive integer or 2 of them. Received: strides="),
        ({"padding": "causal"}, "`padding` must be one of 'valid', 'same'. Received: padding='causal'"),
        ({"data_format": "x"}, "`data_format` must be one of"),
        ({"use_bias": 1}, "`use_bias` must be True or False. Received: use_bias=1"),
        ({"implementation": 2}, "`implementation` must be 1, which supports every padding. Received"),
        ({"activation": "nonsense"}, "nonsense"),
        ({"kernel_initializer": "nonsense"}, "nonsense"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError) as caught:
        LocallyConnected2D(**{"filters": 4, "kernel_size": 3, **arguments})
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["dilation_rate", "groups"])
def test_refuses_fixed_arguments_of_the_base(name):
    with pytest.raises(TypeError, match=name):
        LocallyConnected2D(4, 3, **{name: 1})
    assert name not in LocallyConnected2D(4, 3).get_config()


def test_refuses_inputs_that_do_not_fit():
    with pytest.raises(ValueError, match=r"window of `LocallyConnected2D` is larger"):
        LocallyConnected2D(4, 3).build((1, 2, 8, 3))
    with pytest.raises(ValueError, match=r"`LocallyConnected1D` takes inputs of rank 3"):
        LocallyConnected1D(4, 3).build((1, 8, 8, 3))
    with pytest.raises(ValueError, match=r"must be known.* Received: input_shape=\(1, None, 8, 3\)"):
        LocallyConnected2D(4, 3).build((1, None, 8, 3))
    with pytest.raises(ValueError, match=r"must be known.* Received: input_shape=\(1, 8, None\)"):
        LocallyConnected1D(4, 3).build((1, 8, None))


def test_refuses_another_map_size_after_build():
    layer = LocallyConnected2D(4, 3)
    layer(noise(1, 6, 6, 2))
    with pytest.raises(ValueError, match="incompatible with the layer"):
        layer(noise(1, 6, 7, 2))
