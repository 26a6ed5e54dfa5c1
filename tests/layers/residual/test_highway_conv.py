"""HighwayConv2D against equation (36) of the survey by loops."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import HighwayConv2D
from tests.helpers import WEIGHT_ARGUMENTS


def convolved(inputs, kernel, bias, dilation_rate, groups):
    """Returns a convolution with "same" zero padding, channels last."""
    batch, height, width, _ = inputs.shape
    rows, columns, per_group, filters = kernel.shape
    before = [(size - 1) * rate // 2 for size, rate in zip((rows, columns), dilation_rate, strict=True)]
    outputs = np.zeros((batch, height, width, filters))
    for n, y, x, f in np.ndindex(outputs.shape):
        first = f // (filters // groups) * per_group
        for i, j, c in np.ndindex(rows, columns, per_group):
            row = y + i * dilation_rate[0] - before[0]
            column = x + j * dilation_rate[1] - before[1]
            if 0 <= row < height and 0 <= column < width:
                outputs[n, y, x, f] += inputs[n, row, column, first + c] * kernel[i, j, c, f]
    return outputs + bias


def reference(inputs, weights, activation="relu", data_format=None, dilation_rate=1, groups=1, **_):
    first = (data_format or keras.config.image_data_format()) == "channels_first"
    inputs = np.moveaxis(inputs, 1, -1) if first else inputs
    rates = (dilation_rate, dilation_rate) if isinstance(dilation_rate, int) else dilation_rate
    bias = weights.get("transform/bias", 0.0)
    plain = convolved(inputs, weights["transform/kernel"], bias, rates, groups)
    plain = {"relu": lambda h: np.where(h > 0, h, 0), "sigmoid": lambda h: 1 / (1 + np.exp(-h))}[activation](
        plain
    )
    gate = 1 / (1 + np.exp(-convolved(inputs, weights["gate/kernel"], weights["gate/bias"], rates, groups)))
    outputs = plain * gate + inputs * (1 - gate)
    return np.moveaxis(outputs, -1, 1) if first else outputs


CASES = [
    dict(
        cls=HighwayConv2D,
        init_kwargs={
            "filters": 4,
            "kernel_size": (3, 2),
            "strides": 1,
            "padding": "same",
            "data_format": "channels_last",
            "dilation_rate": (2, 1),
            "groups": 1,
            "activation": "sigmoid",
            **WEIGHT_ARGUMENTS,
            "gate_bias": -0.5,
        },
        input_shape=(2, 5, 6, 4),
        reference=reference,
    ),
    dict(
        cls=HighwayConv2D,
        init_kwargs={"filters": 4, "kernel_size": 3, "groups": 2, "use_bias": False},
        input_shape=(1, 4, 5, 4),
        reference=reference,
    ),
]


def built(channels=3, **arguments):
    layer = HighwayConv2D(channels, 3, **arguments)
    layer.build((None, 6, 5, channels))
    return layer


@pytest.fixture
def inputs():
    return np.random.default_rng(0).normal(size=(2, 6, 5, 3)).astype("float32")


def test_a_closed_gate_returns_the_input(inputs):
    outputs = keras.ops.convert_to_numpy(built(gate_bias=-100.0)(inputs))
    np.testing.assert_allclose(outputs, inputs, atol=1e-6)


def test_an_open_gate_returns_the_convolution(inputs):
    layer = built(gate_bias=100.0)
    sibling = keras.layers.Conv2D(3, 3, padding="same", activation="relu")
    sibling.build(inputs.shape)
    sibling.set_weights(layer.transform.get_weights())
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(layer(inputs)), keras.ops.convert_to_numpy(sibling(inputs)), atol=1e-6
    )


def test_the_gate_has_a_bias_even_with_use_bias_false():
    for use_bias in (True, False):
        layer = built(gate_bias=-3.0, use_bias=use_bias, bias_initializer="ones")
        assert keras.ops.convert_to_numpy(layer.gate.bias).tolist() == [-3.0] * 3
        assert (layer.transform.bias is not None) == use_bias


def test_the_two_kernels_start_different():
    layer = built()
    assert not np.array_equal(layer.transform.get_weights()[0], layer.gate.get_weights()[0])


def test_forty_layers_start_close_to_the_identity(inputs):
    outputs = inputs
    for _ in range(40):
        outputs = built(gate_bias=-8.0)(outputs)
    assert np.abs(keras.ops.convert_to_numpy(outputs) - inputs).max() < 0.2 * np.abs(inputs).max()


def test_one_pixel_and_a_large_window_are_accepted():
    assert HighwayConv2D(2, 7)(np.ones((1, 1, 1, 2), "float32")).shape == (1, 1, 1, 2)
    assert HighwayConv2D(2, 7)(np.ones((1, 3, 4, 2), "float32")).shape == (1, 3, 4, 2)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"filters": 0}, "`filters` must be a positive integer. Received: filters=0"),
        ({"kernel_size": (3, 3, 3)}, r"`kernel_size` must be .* Received: kernel_size=\(3, 3, 3\)"),
        ({"strides": 2}, "`strides` must be 1, because the output is .* Received: strides=2"),
        ({"padding": "valid"}, "`padding` must be one of 'same'. Received: padding='valid'"),
        ({"data_format": "last"}, "`data_format` must be one of .* Received: data_format='last'"),
        ({"dilation_rate": 0}, "`dilation_rate` must be .* Received: dilation_rate="),
        ({"groups": 2}, "`groups` must be a divisor of filters=3. Received: groups=2"),
        ({"use_bias": 1}, "`use_bias` must be True or False. Received: use_bias=1"),
        ({"gate_bias": None}, "`gate_bias` must be a finite number. Received: gate_bias=None"),
        ({"activation": "no such"}, "no such"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        HighwayConv2D(**{"filters": 3, "kernel_size": 3, **arguments})


def test_channels_first_works_if_width_equals_filters():
    # Keras 3.15 on TensorFlow would add the bias along the columns.
    inputs = np.random.default_rng(0).normal(size=(2, 3, 4, 3)).astype("float32")
    first = HighwayConv2D(3, 3, data_format="channels_first", bias_initializer="random_normal")
    outputs = keras.ops.convert_to_numpy(first(inputs))
    last = HighwayConv2D(3, 3, data_format="channels_last")
    last.build((2, 4, 3, 3))
    last.set_weights(first.get_weights())
    expected = keras.ops.convert_to_numpy(last(inputs.transpose(0, 2, 3, 1))).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


def test_refuses_inputs_with_the_wrong_shape():
    with pytest.raises(
        ValueError, match=r"`filters` must equal the channels .* filters=3, input_shape=\(1, 4, 4, 2\)"
    ):
        HighwayConv2D(3, 3).build((1, 4, 4, 2))
    with pytest.raises(ValueError, match="`filters` must equal the channels"):
        HighwayConv2D(3, 3, data_format="channels_first").build((1, 4, 4, 3))
    with pytest.raises(ValueError, match=r"inputs of rank 4. Received: input_shape=\(1, 4, 3\)"):
        HighwayConv2D(3, 3).build((1, 4, 3))


def test_the_gate_starts_at_gate_bias_in_float64():
    layer = HighwayConv2D(2, 3, gate_bias=-1.7, dtype="float64")
    layer.build((None, 4, 4, 2))
    np.testing.assert_array_equal(layer.gate.bias, [-1.7, -1.7])
