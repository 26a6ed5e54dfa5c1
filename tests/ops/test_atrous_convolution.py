"""The sum of products against Keras' convolution."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers.convolution.dilated_conv import Conv2D
from keras_cnn_zoo.ops.atrous_convolution import atrous_convolution


def arrays(height=7, width=6, size=(3, 3)):
    rng = np.random.default_rng(0)
    return rng.normal(size=(2, height, width, 4)), rng.normal(size=(*size, 4, 5))


@pytest.mark.parametrize("rates", [(1, 1), (2, 2), (3, 1), (5, 6), (8, 9)])
@pytest.mark.parametrize("size", [(3, 3), (1, 5), (5, 3), (2, 4)])
def test_equals_keras(rates, size):
    inputs, kernel = (array.astype("float32") for array in arrays(size=size))
    expected = keras.ops.conv(inputs, kernel, 1, "same", "channels_last", rates)
    outputs = atrous_convolution(
        keras.ops.convert_to_tensor(inputs), keras.ops.convert_to_tensor(kernel), rates
    )
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(outputs), keras.ops.convert_to_numpy(expected), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("size", [3, 4, 9])
def test_works_with_unknown_sizes_smaller_and_larger_than_the_rates(size):
    inputs, kernel = (array.astype("float32") for array in arrays(size, size + 1))
    symbol = keras.Input((None, None, 4))
    layer = Conv2D(5, 3, padding="same", dilation_rate=4, data_format="channels_last", use_bias=False)
    model = keras.Model(symbol, layer(symbol))
    layer.kernel.assign(kernel)
    expected = keras.ops.conv(inputs, kernel, 1, "same", "channels_last", 4)
    np.testing.assert_allclose(
        model.predict(inputs, verbose=0), keras.ops.convert_to_numpy(expected), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize(
    "arguments", [{"dilation_rate": 2}, {"dilation_rate": (1, 3)}, {"dilation_rate": 2, "groups": 2}, {}]
)
def test_the_layer_equals_keras(data_format, arguments):
    if data_format == "channels_first" and "groups" in arguments:
        pytest.skip("TensorFlow has no grouped convolution with the channels first on a CPU")
    arguments = {"filters": 6, "kernel_size": 3, "padding": "same", "data_format": data_format, **arguments}
    shape = (2, 5, 8, 4) if data_format == "channels_last" else (2, 4, 5, 8)
    inputs = np.random.default_rng(0).normal(size=shape).astype("float32")
    own, other = Conv2D(**arguments), keras.layers.Conv2D(**arguments)
    own.build(shape)
    other.build(shape)
    other.set_weights(own.get_weights())
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(own(inputs)),
        keras.ops.convert_to_numpy(other(inputs)),
        rtol=1e-4,
        atol=1e-5,
    )


def test_half_precision_is_summed_in_float32():
    inputs, kernel = np.full((1, 9, 9, 8), 16.0), np.full((3, 3, 8, 1), 16.0)
    kernel[1, 1] = -16.0 * 8 + 1 / 16
    half = [keras.ops.cast(array, "float16") for array in (inputs, kernel)]
    outputs = keras.ops.convert_to_numpy(atrous_convolution(*half, (2, 2)))
    assert outputs.dtype == "float16"
    np.testing.assert_allclose(outputs[0, 4, 4, 0], 8.0, rtol=1e-2)
