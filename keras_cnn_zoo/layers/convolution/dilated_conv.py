"""Keras' convolutions with fast dilation and a correct bias for channels_first."""

import keras
from keras import ops

from keras_cnn_zoo.ops import affine
from keras_cnn_zoo.ops.atrous_convolution import atrous_convolution


# Same names as in Keras, because weight files name a nested layer after its class.
class Conv1D(keras.layers.Conv1D):
    """`keras.layers.Conv1D` with a correct bias for channels_first on TensorFlow; for internal use."""

    receptive_steps = "window"

    def call(self, inputs):
        if self.data_format == "channels_last" or self.bias is None:
            return super().call(inputs)
        outputs = affine.convolution(
            inputs,
            self.kernel,
            self.bias,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
        )
        return outputs if self.activation is None else self.activation(outputs)


class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` with fast dilated convolutions on TensorFlow; for internal use.

    Its bias is also correct for channels_first on TensorFlow.
    """

    receptive_steps = "window"

    def call(self, inputs):
        if self.data_format == "channels_last" or self.bias is None:
            return super().call(inputs)
        outputs = affine.add_bias(self.convolution_op(inputs, self.kernel), self.bias, self.data_format)
        return outputs if self.activation is None else self.activation(outputs)

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
