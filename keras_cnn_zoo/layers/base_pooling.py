"""The base class of pooling over sliding windows, of every rank."""

import keras

from keras_cnn_zoo.ops import windows
from keras_cnn_zoo.utils import validation


class BasePooling(keras.layers.Layer):
    """Abstract pooling layer with the window arguments, the output shape, and the config.

    A subclass sets `rank`, the number of spatial axes, and pools in `call`.
    """

    rank = None

    def __init__(self, pool_size=2, strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = validation.positive_integers("pool_size", pool_size, self.rank)
        strides = self.pool_size if strides is None else strides
        self.strides = validation.positive_integers("strides", strides, self.rank)
        self.padding = validation.one_of("padding", padding, ("valid", "same"))
        self.data_format = validation.data_format("data_format", data_format)

    @property
    def _window(self):
        """The arguments of the window functions that follow the inputs."""
        return self.pool_size, self.strides, self.padding, self.data_format

    @property
    def _channel_axis(self):
        return self.rank + 1 if self.data_format == "channels_last" else 1

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        self.built = True

    def compute_output_shape(self, input_shape):
        return windows.window_shape(input_shape, *self._window, owner=type(self).__name__)

    def get_config(self):
        return {
            **super().get_config(),
            "pool_size": self.pool_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
        }
