"""A call with another kernel and bias equals a layer with those weights and changes no state."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import DeformableConv2D, functional_call
from keras_cnn_zoo.layers.convolution import dilated_conv

PLAIN = [
    (lambda **more: keras.layers.Dense(4, **more), (2, 3, 5)),
    (lambda **more: keras.layers.Conv1D(4, 3, padding="causal", **more), (2, 6, 3)),
    (lambda **more: keras.layers.Conv2D(4, 3, strides=2, data_format="channels_first", **more), (2, 4, 7, 6)),
    (lambda **more: keras.layers.Conv3D(4, 2, groups=2, **more), (2, 3, 4, 3, 2)),
]
OTHERS = [
    (lambda **more: keras.layers.Conv2DTranspose(4, 3, **more), (2, 5, 4, 3)),
    (lambda **more: keras.layers.DepthwiseConv2D(3, **more), (2, 5, 4, 3)),
    (lambda **more: dilated_conv.Conv2D(4, 3, padding="same", dilation_rate=2, **more), (2, 5, 4, 3)),
    (lambda **more: DeformableConv2D(4, 3, **more), (2, 5, 4, 3)),
]


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def other_weights(layer):
    return noise(*layer.kernel.shape, seed=1), noise(*layer.bias.shape, seed=2)


@pytest.mark.parametrize("make, shape", PLAIN + OTHERS)
def test_equals_a_second_layer_with_those_weights(make, shape):
    layer, twin, inputs = make(activation="tanh"), make(activation="tanh"), noise(*shape)
    layer.build(shape)
    twin.build(shape)
    before = layer.get_weights()
    kernel, bias = other_weights(layer)
    twin.kernel.assign(kernel)
    twin.bias.assign(bias)
    expected = numpy_of(twin(inputs))
    outputs = functional_call.functional_call(layer, inputs, kernel, bias)
    np.testing.assert_allclose(numpy_of(outputs), expected, rtol=1e-4, atol=1e-5)
    linear = functional_call.preactivation(layer, inputs, kernel, bias)
    np.testing.assert_allclose(np.tanh(numpy_of(linear)), expected, rtol=1e-4, atol=1e-5)
    for one, other in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    assert layer.activation is keras.activations.tanh


@pytest.mark.parametrize("make, shape", PLAIN)
def test_plain_layers_accept_one_kernel_per_example(make, shape):
    layer, inputs = make(activation="tanh"), noise(*shape)
    layer.build(shape)
    kernels, biases = noise(2, *layer.kernel.shape, seed=1), noise(2, *layer.bias.shape, seed=2)
    outputs = numpy_of(functional_call.functional_call(layer, inputs, kernels, biases))
    for number in range(2):
        alone = functional_call.functional_call(
            layer, inputs[number : number + 1], kernels[number], biases[number]
        )
        np.testing.assert_allclose(outputs[number : number + 1], numpy_of(alone), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("make, shape", PLAIN + OTHERS[:3])
def test_a_layer_without_bias_accepts_none(make, shape):
    layer, inputs = make(use_bias=False), noise(*shape)
    expected = numpy_of(layer(inputs))
    outputs = functional_call.functional_call(layer, inputs, functional_call.float_kernel(layer), None)
    np.testing.assert_allclose(numpy_of(outputs), expected, rtol=1e-4, atol=1e-5)


def test_is_plain_excludes_subclasses_with_another_call():
    assert [functional_call.is_plain(make()) for make, _ in PLAIN + OTHERS] == [True] * 4 + [False] * 4


def test_the_kernel_of_an_int8_layer_equals_the_original_up_to_rounding():
    layer = keras.layers.Dense(4)
    layer.build((None, 5))
    before = numpy_of(functional_call.float_kernel(layer))
    layer.quantize("int8")
    kernel = numpy_of(functional_call.float_kernel(layer))
    steps = np.abs(before).max(axis=0) / 127
    assert kernel.dtype == before.dtype and np.all(np.abs(kernel - before) <= 0.51 * steps)


def test_refuses_other_quantizations_and_lora():
    int4 = keras.layers.Dense(4)
    int4.build((None, 6))
    int4.quantize("int4")
    adapted = keras.layers.Dense(4)
    adapted.build((None, 6))
    adapted.quantize("int8")
    adapted.enable_lora(2)
    message = (
        r"The layer 'dense.*' must be in floating point or quantized to int8, because .* Received: dtype_"
    )
    for layer in (int4, adapted):
        assert not functional_call.has_float_kernel(layer)
        with pytest.raises(ValueError, match=message):
            functional_call.float_kernel(layer)
