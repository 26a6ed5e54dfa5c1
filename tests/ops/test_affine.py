"""Dense and convolutional sums against loops, kernels per example, and biases of both data formats."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.ops import affine


def noise(*shape, seed=0):
    return keras.ops.convert_to_tensor(np.random.default_rng(seed).normal(size=shape).astype("float32"))


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("shape", [(2, 3), (2, 4, 3), (2, 2, 2, 2, 3)])
def test_dense_is_a_sum_over_the_last_axis(shape):
    tensors = noise(*shape), noise(3, 5, seed=1), noise(5, seed=2)
    inputs, kernel, bias = map(numpy_of, tensors)
    expected = np.zeros((*shape[:-1], 5))
    for place in np.ndindex(expected.shape):
        expected[place] = bias[place[-1]] + sum(
            inputs[place[:-1]][i] * kernel[i, place[-1]] for i in range(3)
        )
    np.testing.assert_allclose(numpy_of(affine.dense(*tensors)), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(2, 3), (2, 4, 3)])
def test_a_third_axis_of_the_kernel_holds_one_kernel_per_example(shape):
    inputs, kernels, biases = noise(*shape), noise(2, 3, 5, seed=1), noise(2, 5, seed=2)
    outputs = numpy_of(affine.dense(inputs, kernels, biases))
    for number in range(2):
        alone = affine.dense(inputs[number : number + 1], kernels[number], biases[number])
        np.testing.assert_allclose(outputs[number : number + 1], numpy_of(alone), rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX has float64 only with JAX_ENABLE_X64")
def test_dense_keeps_float64():
    inputs, kernel = keras.ops.cast(noise(2, 3), "float64"), keras.ops.cast(noise(3, 5, seed=1), "float64")
    expected = numpy_of(inputs) @ numpy_of(kernel)
    np.testing.assert_allclose(numpy_of(affine.dense(inputs, kernel)), expected, rtol=1e-14)


def convolved(data_format, padding="valid", **options):
    """Returns a 1D convolution, its arguments, and the Keras layer that they are from."""
    shape = (2, 7, 3) if data_format == "channels_last" else (2, 3, 7)
    layer = keras.layers.Conv1D(4, 3, padding=padding, data_format=data_format, **options)
    layer.build(shape)
    return noise(*shape), layer


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("padding", ["valid", "same", "causal"])
@pytest.mark.parametrize("per_example", [False, True])
def test_convolution_equals_keras(data_format, padding, per_example):
    inputs, layer = convolved(data_format, padding, dilation_rate=2)
    kernel, bias = layer.get_weights()
    if per_example:
        kernel, bias = np.stack([kernel] * 2), np.stack([bias] * 2)
    outputs = affine.convolution(
        inputs,
        keras.ops.convert_to_tensor(kernel),
        keras.ops.convert_to_tensor(bias),
        strides=layer.strides,
        padding=padding,
        data_format=data_format,
        dilation_rate=layer.dilation_rate,
    )
    np.testing.assert_allclose(numpy_of(outputs), numpy_of(layer(inputs)), rtol=1e-5, atol=1e-6)


def test_a_bias_is_added_along_the_channels_if_space_has_equal_size():
    # Keras 3.15 on TensorFlow would add it along the columns instead.
    outputs = affine.add_bias(keras.ops.zeros((2, 3, 4, 3)), noise(3), "channels_first")
    expected = np.broadcast_to(numpy_of(noise(3))[:, None, None], (2, 3, 4, 3))
    np.testing.assert_array_equal(numpy_of(outputs), expected)
    outputs = affine.add_bias(keras.ops.zeros((3, 4, 4, 3)), noise(3, 3), "channels_last")
    expected = np.broadcast_to(numpy_of(noise(3, 3))[:, None, None], (3, 4, 4, 3))
    np.testing.assert_array_equal(numpy_of(outputs), expected)


def test_without_a_bias_nothing_is_added():
    outputs = keras.ops.ones((1, 2))
    assert affine.add_bias(outputs, None) is outputs
