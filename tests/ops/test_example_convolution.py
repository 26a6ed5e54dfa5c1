"""example_convolution against Keras' convolution per example."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.ops import example_convolution


@pytest.mark.parametrize(
    "space, kernel_size, strides, padding, dilation_rate, groups",
    [
        ((9,), (3,), (1,), "valid", (2,), 1),
        ((10,), (4,), (3,), "same", (1,), 2),
        ((7, 6), (3, 2), (1, 1), "same", (2, 2), 1),
        ((7, 6), (3, 2), (2, 3), "same", (1, 1), 1),
        ((7, 6), (3, 2), (2, 1), "valid", (1, 1), 2),
        ((2, 3), (5, 5), (1, 1), "same", (1, 1), 1),
        ((4, 5, 3), (2, 3, 1), (2, 1, 1), "same", (1, 1, 1), 1),
    ],
)
def test_equals_a_convolution_per_example(space, kernel_size, strides, padding, dilation_rate, groups):
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(3, *space, 4)).astype("float32")
    kernels = rng.normal(size=(3, *kernel_size, 4 // groups, 6)).astype("float32")
    outputs = example_convolution(
        keras.ops.convert_to_tensor(inputs),
        keras.ops.convert_to_tensor(kernels),
        strides=strides,
        padding=padding,
        dilation_rate=dilation_rate,
    )
    for one, kernel, output in zip(inputs, kernels, keras.ops.convert_to_numpy(outputs), strict=True):
        expected = keras.ops.conv(one[None], kernel, strides, padding, "channels_last", dilation_rate)
        np.testing.assert_allclose(output[None], keras.ops.convert_to_numpy(expected), rtol=1e-4, atol=1e-5)


def test_causal_outputs_do_not_depend_on_the_future():
    inputs = np.zeros((1, 6, 1), "float32")
    inputs[0, 3] = 1
    kernels = np.array([1.0, 2.0, 4.0], "float32").reshape(1, 3, 1, 1)
    outputs = example_convolution(
        keras.ops.convert_to_tensor(inputs),
        keras.ops.convert_to_tensor(kernels),
        strides=(1,),
        padding="causal",
        dilation_rate=(1,),
    )
    assert keras.ops.convert_to_numpy(outputs)[0, :, 0].tolist() == [0, 0, 0, 4, 2, 1]
