"""GatedConv1D against the paper's equation by loops, its limits, and two Keras convolutions."""

import hypothesis
import keras
import numpy as np
import pytest
from hypothesis import strategies

from keras_cnn_zoo.layers import GatedConv1D
from tests.layers.convolution.oracles import ACTIVATIONS, in_layout, noise, numpy_of, shared


def reference(inputs, weights, data_format=None, activation=None, padding="causal", **options):
    window = {name: options[name] for name in ("strides", "dilation_rate", "groups") if name in options}

    def convolution(inputs, prefix):
        bias = weights.get(f"{prefix}bias", 0.0)
        return shared(inputs, weights[f"{prefix}kernel"], bias, padding=padding, **window)

    def function(inputs):
        return ACTIVATIONS[activation](convolution(inputs, "")) / (1 + np.exp(-convolution(inputs, "gate_")))

    return in_layout(function, inputs, data_format)


CASES = [
    dict(
        cls=GatedConv1D,
        init_kwargs={
            "filters": 4,
            "kernel_size": 3,
            "strides": 1,
            "padding": "same",
            "data_format": "channels_last",
            "dilation_rate": 2,
            "groups": 1,
            "activation": "sigmoid",
            "use_bias": True,
            "kernel_initializer": "glorot_normal",
            "bias_initializer": "ones",
            "kernel_regularizer": "l2",
            "bias_regularizer": "l1",
            "activity_regularizer": "l2",
            "kernel_constraint": "max_norm",
            "bias_constraint": "non_neg",
        },
        input_shape=(2, 9, 3),
        reference=reference,
    ),
    dict(
        cls=GatedConv1D,
        init_kwargs={"filters": 3, "kernel_size": 4},
        input_shape=(2, 7, 2),
        reference=reference,
    ),
    dict(
        cls=GatedConv1D,
        init_kwargs={
            "filters": 4,
            "kernel_size": 2,
            "groups": 2,
            "strides": 3,
            "data_format": "channels_first",
        },
        input_shape=(2, 4, 8),
        reference=reference,
    ),
    dict(
        cls=GatedConv1D,
        init_kwargs={"filters": 2, "kernel_size": 3, "dilation_rate": 3, "activation": "tanh"},
        input_shape=(1, 8, 3),
        reference=reference,
    ),
    dict(
        cls=GatedConv1D,
        init_kwargs={"filters": 2, "kernel_size": 3, "padding": "valid", "use_bias": False},
        input_shape=(1, 8, 3),
        reference=reference,
    ),
]


@hypothesis.given(
    kernel_size=strategies.integers(1, 4),
    stride=strategies.integers(1, 3),
    rate=strategies.integers(1, 4),
    padding=strategies.sampled_from(["causal", "valid", "same"]),
    data_format=strategies.sampled_from(["channels_last", "channels_first"]),
    steps=strategies.integers(1, 12),
)
def test_equals_the_loops(kernel_size, stride, rate, padding, data_format, steps):
    steps += rate * (kernel_size - 1) if padding == "valid" else 0
    options = {"padding": padding, "data_format": data_format}
    options |= {"strides": stride} if rate == 1 else {"dilation_rate": rate}
    inputs = noise(2, steps, 4) if data_format == "channels_last" else noise(2, 4, steps)
    layer = GatedConv1D(6, kernel_size, **options)
    outputs = numpy_of(layer(inputs))
    assert layer.compute_output_shape(inputs.shape) == outputs.shape
    weights = {weight.name: numpy_of(weight) for weight in layer.weights}
    np.testing.assert_allclose(
        outputs, reference(inputs.astype("float64"), weights, **options), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(("activation", "groups"), [(None, 1), ("tanh", 1), (None, 2)])
def test_is_two_convolutions_of_keras(activation, groups):
    inputs = noise(2, 9, 4)
    options = {"padding": "causal", "dilation_rate": 2, "groups": groups}
    layer = GatedConv1D(6, 3, activation=activation, bias_initializer="ones", **options)
    outputs = numpy_of(layer(inputs))
    linear = keras.layers.Conv1D(6, 3, activation=activation, **options)
    gate = keras.layers.Conv1D(6, 3, activation="sigmoid", **options)
    for convolution, weights in (
        (linear, (layer.kernel, layer.bias)),
        (gate, (layer.gate_kernel, layer.gate_bias)),
    ):
        convolution.build(inputs.shape)
        convolution.set_weights([numpy_of(weight) for weight in weights])
    np.testing.assert_allclose(outputs, numpy_of(linear(inputs) * gate(inputs)), rtol=1e-5, atol=1e-6)


def test_an_open_gate_passes_the_convolution_and_a_closed_gate_nothing():
    inputs = noise(1, 8, 3)
    layer = GatedConv1D(4, 3)
    layer.build(inputs.shape)
    sibling = keras.layers.Conv1D(4, 3, padding="causal", use_bias=False)
    sibling.build(inputs.shape)
    sibling.set_weights([numpy_of(layer.kernel)])
    layer.gate_bias.assign(np.full(4, 100.0))
    np.testing.assert_allclose(numpy_of(layer(inputs)), numpy_of(sibling(inputs)), rtol=1e-5, atol=1e-6)
    layer.gate_bias.assign(np.full(4, -100.0))
    np.testing.assert_allclose(numpy_of(layer(inputs)), 0.0, atol=1e-6)


def test_a_case_of_three_steps_by_hand():
    layer = GatedConv1D(1, 2)
    layer.build((1, 3, 1))
    # Two times the previous step plus the current step, with a gate of sigmoid(0).
    layer.set_weights([np.array([[[2.0]], [[1.0]]]), np.zeros(1), np.zeros((2, 1, 1)), np.zeros(1)])
    outputs = numpy_of(layer(np.array([[[1.0], [10.0], [100.0]]], "float32")))
    np.testing.assert_allclose(outputs[0, :, 0], [0.5, 6.0, 60.0])


def test_no_output_depends_on_a_later_step():
    inputs = noise(1, 12, 3)
    for dilation_rate in (1, 3):
        layer = GatedConv1D(4, 3, dilation_rate=dilation_rate)
        before = numpy_of(layer(inputs))
        changed = inputs.copy()
        changed[:, 7:] = 99.0
        after = numpy_of(layer(changed))
        np.testing.assert_array_equal(after[:, :7], before[:, :7])
        assert (after[:, 7] != before[:, 7]).all()


def test_the_two_kernels_start_different_even_with_a_seed():
    for initializer in ("he_normal", keras.initializers.HeNormal(seed=3)):
        layer = GatedConv1D(4, 3, kernel_initializer=initializer)
        layer.build((None, 8, 4))
        assert np.abs(numpy_of(layer.kernel) - numpy_of(layer.gate_kernel)).max() > 0.01


def test_one_step_and_a_long_kernel_are_accepted():
    assert GatedConv1D(4, 5, dilation_rate=7)(noise(1, 1, 2)).shape == (1, 1, 4)
    assert not numpy_of(GatedConv1D(4, 5)(np.zeros((1, 3, 2), "float32"))).any()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"filters": 0}, "`filters` must be a positive integer. Received: filters=0"),
        ({"kernel_size": (3, 3)}, "`kernel_size` must be a positive integer or 1 of them"),
        ({"strides": 0}, "`strides` must be a positive integer or 1 of them. Received: strides="),
        ({"padding": "full"}, "`padding` must be one of 'causal', 'valid', 'same'. Received: padding='full'"),
        ({"data_format": "x"}, "`data_format` must be one of"),
        ({"dilation_rate": 0}, "`dilation_rate` must be a positive integer or 1 of them"),
        ({"dilation_rate": 2, "strides": 2}, "`dilation_rate` must be 1 with strides=(2,)"),
        ({"groups": 3}, "`groups` must be a divisor of filters=4. Received: groups=3"),
        ({"use_bias": 1}, "`use_bias` must be True or False. Received: use_bias=1"),
        ({"activation": "nonsense"}, "nonsense"),
        ({"kernel_initializer": "nonsense"}, "nonsense"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError) as caught:
        GatedConv1D(**{"filters": 4, "kernel_size": 3, **arguments})
    assert message in str(caught.value)


def test_refuses_inputs_that_do_not_fit():
    with pytest.raises(ValueError, match=r"window of `GatedConv1D` is larger"):
        GatedConv1D(4, 3, padding="valid").build((1, 2, 3))
    with pytest.raises(ValueError, match=r"`GatedConv1D` takes inputs of rank 3"):
        GatedConv1D(4, 3).build((1, 8, 8, 3))
    with pytest.raises(ValueError, match=r"`groups`. Received: groups=2, input_shape=\(1, 8, 3\)"):
        GatedConv1D(4, 3, groups=2).build((1, 8, 3))
