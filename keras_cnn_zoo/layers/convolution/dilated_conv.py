"""Keras' convolution, with another way where Keras' own is slow or mistakes the axis of the bias."""

import keras
from keras import ops

from keras_cnn_zoo.ops.atrous_convolution import atrous_convolution


# Keras' name: weight files call a layer inside a layer by its class.
class Conv2D(keras.layers.Conv2D):
    """`keras.layers.Conv2D` whose dilated convolutions are fast on TensorFlow too; for parts made of it."""

    def call(self, inputs):
        if self.data_format == "channels_last" or not self.use_bias:
            return super().call(inputs)
        # On TensorFlow, Keras 3.15 adds a bias along the width where that happens to equal the filters.
        outputs = self.convolution_op(inputs, self.kernel) + ops.reshape(self.bias, (1, self.filters, 1, 1))
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
