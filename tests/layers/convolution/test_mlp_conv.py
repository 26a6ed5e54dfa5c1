"""MLPConv against equations (5) and (6) of the survey, computed by loops."""

import hypothesis
import keras
import numpy as np
import pytest
from hypothesis import strategies

from keras_cnn_zoo.layers import MLPConv1D, MLPConv2D
from tests.helpers import WEIGHT_ARGUMENTS
from tests.layers.convolution.oracles import ACTIVATIONS, in_layout, noise, numpy_of, shared


def reference(inputs, weights, filters, data_format=None, activation="relu", **options):
    window = {
        name: options[name] for name in ("strides", "padding", "dilation_rate", "groups") if name in options
    }

    def function(outputs):
        for number in range(1, len(filters) + 1):
            scope = f"convolution_{number}"
            bias = weights.get(f"{scope}/bias", 0.0)
            outputs = shared(outputs, weights[f"{scope}/kernel"], bias, **(window if number == 1 else {}))
            outputs = ACTIVATIONS[activation](outputs)
        return outputs

    return in_layout(function, inputs, data_format)


COMMON = {
    "filters": (6, 5, 4),
    "padding": "same",
    "data_format": "channels_last",
    "groups": 1,
    "activation": "elu",
    **WEIGHT_ARGUMENTS,
}

CASES = [
    dict(
        cls=MLPConv1D,
        init_kwargs={**COMMON, "kernel_size": 4, "strides": 1, "dilation_rate": 2},
        input_shape=(2, 11, 3),
        reference=reference,
    ),
    dict(
        cls=MLPConv2D,
        init_kwargs={**COMMON, "kernel_size": (3, 2), "strides": (2, 1), "dilation_rate": 1},
        input_shape=(2, 9, 7, 3),
        reference=reference,
    ),
    dict(
        cls=MLPConv1D,
        init_kwargs={"filters": (4, 2), "kernel_size": 3, "strides": 2, "padding": "causal"},
        input_shape=(2, 8, 3),
        reference=reference,
    ),
    dict(
        cls=MLPConv2D,
        init_kwargs={"filters": (4, 3), "kernel_size": 3, "groups": 2, "use_bias": False},
        input_shape=(1, 6, 5, 4),
        reference=reference,
    ),
    dict(
        cls=MLPConv2D,
        init_kwargs={"filters": [5], "kernel_size": 2, "dilation_rate": (2, 3), "padding": "same"},
        input_shape=(1, 7, 9, 3),
        reference=reference,
    ),
]


@hypothesis.given(
    filters=strategies.lists(strategies.integers(1, 4), min_size=1, max_size=3),
    kernel_size=strategies.tuples(strategies.integers(1, 3), strategies.integers(1, 3)),
    stride=strategies.integers(1, 3),
    rate=strategies.integers(1, 3),
    padding=strategies.sampled_from(["valid", "same"]),
    lengths=strategies.tuples(strategies.integers(7, 10), strategies.integers(7, 10)),
)
def test_equals_the_loops(filters, kernel_size, stride, rate, padding, lengths):
    options = {"padding": padding, **({"strides": stride} if rate == 1 else {"dilation_rate": rate})}
    inputs = noise(1, *lengths, 2)
    layer = MLPConv2D(filters, kernel_size, **options)
    outputs = numpy_of(layer(inputs))
    assert layer.compute_output_shape(inputs.shape) == outputs.shape
    weights = {
        f"convolution_{number}/kernel": convolution.get_weights()[0]
        for number, convolution in enumerate(layer.convolutions, start=1)
    }
    expected = reference(inputs.astype("float64"), weights, tuple(filters), **options)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)


def test_one_filter_is_a_convolution():
    inputs = noise(2, 9, 8, 4)
    layer = MLPConv2D((6,), 3, strides=2, padding="same", groups=2)
    sibling = keras.layers.Conv2D(6, 3, strides=2, padding="same", groups=2, activation="relu")
    layer.build(inputs.shape)
    sibling.build(inputs.shape)
    sibling.set_weights(layer.get_weights())
    np.testing.assert_array_equal(numpy_of(layer(inputs)), numpy_of(sibling(inputs)))


def test_parameter_counts_match_network_in_network():
    """The first block of the paper's CIFAR-10 network: 5x5 to 192, then 160 and 96."""
    layer = MLPConv2D((192, 160, 96), 5, padding="same")
    layer.build((None, 32, 32, 3))
    assert layer.count_params() == (75 * 192 + 192) + (192 * 160 + 160) + (160 * 96 + 96)


def test_each_pixel_is_a_multilayer_perceptron_of_its_window():
    layer = MLPConv2D((5, 3), 3)
    inputs = noise(2, 3, 3, 2)
    outputs = numpy_of(layer(inputs))[:, 0, 0]
    first, bias, second, other_bias = layer.get_weights()
    hidden = np.maximum(inputs.reshape(2, -1) @ first.reshape(-1, 5) + bias, 0)
    np.testing.assert_allclose(outputs, np.maximum(hidden @ second[0, 0] + other_bias, 0), atol=1e-5)


@pytest.mark.parametrize("initializer", ["he_normal", keras.initializers.GlorotUniform(seed=3)])
def test_kernels_of_equal_shape_start_different(initializer):
    layer = MLPConv2D((4, 4, 4), 1, kernel_initializer=initializer)
    layer.build((None, 5, 5, 4))
    kernels = [convolution.get_weights()[0] for convolution in layer.convolutions]
    assert all(np.abs(kernels[0] - kernel).max() > 0.01 for kernel in kernels[1:])
    assert np.abs(kernels[1] - kernels[2]).max() > 0.01


def test_zeros_and_a_large_window_are_accepted():
    layer = MLPConv2D((4, 2), 7, padding="same")
    assert not numpy_of(layer(np.zeros((1, 2, 1, 3), "float32"))).any()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"filters": 4}, "`filters` must be a sequence of positive integers. Received: filters=4"),
        ({"filters": ()}, "`filters` must be a sequence of positive integers. Received: filters=()"),
        ({"filters": (4, 0)}, "`filters` must be a positive integer or 2 of them. Received: filters=(4, 0)"),
        ({"kernel_size": (3, 3, 3)}, "`kernel_size` must be a positive integer or 2 of them"),
        ({"strides": 0}, "`strides` must be a positive integer or 2 of them. Received: strides="),
        ({"padding": "causal"}, "`padding` must be one of 'valid', 'same'. Received: padding='causal'"),
        ({"data_format": "x"}, "`data_format` must be one of"),
        ({"dilation_rate": 2, "strides": 2}, "`dilation_rate` must be 1 with strides=(2, 2)"),
        ({"groups": 3}, "`groups` must be a divisor of the first of filters=(4, 2). Received: groups=3"),
        ({"use_bias": 1}, "`use_bias` must be True or False. Received: use_bias=1"),
        ({"activation": "nonsense"}, "nonsense"),
        ({"kernel_initializer": "nonsense"}, "nonsense"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError) as caught:
        MLPConv2D(**{"filters": (4, 2), "kernel_size": 3, **arguments})
    assert message in str(caught.value)


def test_refuses_inputs_that_do_not_fit():
    with pytest.raises(ValueError, match=r"window of `MLPConv2D` is larger"):
        MLPConv2D((4, 2), 3).build((1, 2, 8, 3))
    with pytest.raises(ValueError, match=r"`MLPConv1D` takes inputs of rank 3"):
        MLPConv1D((4, 2), 3).build((1, 8, 8, 3))
    with pytest.raises(ValueError, match=r"`groups`. Received: groups=2, input_shape=\(1, 8, 8, 3\)"):
        MLPConv2D((4, 2), 3, groups=2).build((1, 8, 8, 3))
