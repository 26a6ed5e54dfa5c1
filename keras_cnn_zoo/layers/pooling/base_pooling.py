"""What poolings over sliding windows share."""

import keras

from keras_cnn_zoo.ops import windows
from keras_cnn_zoo.utils import validation


class BasePooling(keras.layers.Layer):
    """The windows of Keras' poolings; `rank` is set by the subclass."""

    rank = None

    def __init__(self, pool_size=2, strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = validation.positive_integers("pool_size", pool_size, self.rank)
        strides = self.pool_size if strides is None else strides
        self.strides = validation.positive_integers("strides", strides, self.rank)
        self.padding = validation.one_of("padding", padding, ("valid", "same"))
        self.data_format = validation.data_format("data_format", data_format)

    @property
    def window_arguments(self):
        """What functions of windows take behind the inputs."""
        return self.pool_size, self.strides, self.padding, self.data_format

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        return windows.window_shape(input_shape, *self.window_arguments, owner=type(self).__name__)

    def get_config(self):
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
        }
