"""Keras' convolutions where its own are slow, or wrong: dilated ones, and biases with the channels first."""

import keras
from keras import ops

from keras_cnn_zoo.ops import windows
from keras_cnn_zoo.ops.atrous_convolution import atrous_convolution


def _finished(layer, outputs):
    """Adds the bias to what has its channels first, and applies the activation.

    `keras.ops.add`, with which Keras does it, takes a bias on TensorFlow for one of the last axis where that
    is as long as there are filters (Keras 3.15).
    """
    outputs = outputs + ops.reshape(layer.bias, (layer.filters, *(1,) * layer.rank))
    return outputs if layer.activation is None else layer.activation(outputs)


# Keras' names: weight files call a layer inside a layer by its class.
class Conv1D(keras.layers.Conv1D):
    """`keras.layers.Conv1D` with a sound bias for channels_first on TensorFlow; for parts made of it."""

    receptive_steps = "window"

    def call(self, inputs):
        if self.data_format == "channels_last" or self.bias is None:
            return super().call(inputs)
        padding = self.padding
        if padding == "causal":
            reach = self.dilation_rate[0] * (self.kernel_size[0] - 1)
            inputs, padding = windows.pad_axes(inputs, {2: (reach, 0)}), "valid"
        outputs = ops.conv(inputs, self.kernel, self.strides, padding, self.data_format, self.dilation_rate)
        return _finished(self, outputs)


class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` whose dilated convolutions are fast on TensorFlow too; for parts made of it.

    There its bias is sound for channels_first, too.
    """

    receptive_steps = "window"

    def call(self, inputs):
        if self.data_format == "channels_last" or self.bias is None:
            return super().call(inputs)
        return _finished(self, self.convolution_op(inputs, self.kernel))

    def convolution_op(self, inputs, kernel):
        usual = (
            keras.backend.backend() != "tensorflow"
            or max(self.dilation_rate) == 1
            or self.groups > 1
            or self.padding != "same"
        )
        if usual:
            return super().convolution_op(inputs, kernel)
        if self.data_format == "channels_last":
            return atrous_convolution(inputs, kernel, self.dilation_rate)
        outputs = atrous_convolution(ops.transpose(inputs, (0, 2, 3, 1)), kernel, self.dilation_rate)
        return ops.transpose(outputs, (0, 3, 1, 2))
