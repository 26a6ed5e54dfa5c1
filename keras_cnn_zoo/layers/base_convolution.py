"""The base class of convolutions of every rank."""

import keras

from keras_cnn_zoo.ops import windows
from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.weight_arguments import CONVOLUTION_ARGUMENTS, serialized


class BaseConvolution(keras.layers.Layer):
    """Abstract convolution with Keras' arguments, their weights, the output shape, and the config.

    A subclass sets `rank`, the number of spatial axes, and `paddings`, the values of `padding` that it
    accepts. It adds its weights in `build` and convolves in `call`.
    """

    rank = None
    paddings = ("valid", "same")

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        groups=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = validation.positive_integer("filters", filters)
        self.kernel_size = validation.positive_integers("kernel_size", kernel_size, self.rank)
        self.strides = validation.positive_integers("strides", strides, self.rank)
        self.padding = validation.one_of("padding", padding, self.paddings)
        self.data_format = validation.data_format("data_format", data_format)
        self.dilation_rate = checked_dilation(dilation_rate, self.strides)
        self.groups = validation.divisor("groups", groups, self.filters, f"filters={self.filters}")
        self.activation = keras.activations.get(activation)
        self.use_bias = validation.boolean("use_bias", use_bias)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)

    @property
    def _space(self):
        return windows.spatial_axes(self.rank, self.data_format)

    @property
    def _channel_axis(self):
        return self.rank + 1 if self.data_format == "channels_last" else 1

    def _add_kernel(self, shape, initializer=None, name="kernel", kernels=None):
        """Returns a new kernel weight.

        Args:
            shape: Shape of the weight.
            initializer: Its initializer, or None for `kernel_initializer`.
            name: Its name.
            kernels: `(kernels, *kernel_size, channels, filters)` if the weight is several kernels, else None.
        """
        regularizer = self.kernel_regularizer
        if kernels is not None and hasattr(regularizer, "of_each_kernel"):
            # A regularizer of the spatial axes cannot know from the weight alone which axes these are.
            regularizer = regularizer.of_each_kernel(kernels)
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=initializer or self.kernel_initializer,
            regularizer=regularizer,
            constraint=self.kernel_constraint,
        )

    def _add_bias(self, shape, initializer=None, name="bias"):
        """Returns a new bias weight, or None without `use_bias`."""
        if not self.use_bias:
            return None
        return self.add_weight(
            name=name,
            shape=shape,
            initializer=initializer or self.bias_initializer,
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
        )

    def compute_output_shape(self, input_shape):
        return windows.window_shape(
            input_shape,
            self.kernel_size,
            self.strides,
            self.padding,
            self.data_format,
            channels=self.filters,
            dilation=self.dilation_rate,
            owner=type(self).__name__,
        )

    def get_config(self):
        arguments = {name: getattr(self, name) for name in CONVOLUTION_ARGUMENTS}
        return {**super().get_config(), **serialized(arguments)}


def checked_dilation(dilation_rate, strides):
    """Returns one integer per axis; raises ValueError for dilation with strides, as Keras does."""
    checked = validation.positive_integers("dilation_rate", dilation_rate, len(strides))
    if max(strides) > 1 and max(checked) > 1:
        validation.fail("dilation_rate", f"1 with strides={strides}, as in Keras", dilation_rate)
    return checked


def checked_channels(input_shape, axis, groups):
    """Returns the number of input channels; raises ValueError if `groups` does not divide it."""
    channels = input_shape[axis]
    if channels is None or channels % groups:
        raise ValueError(
            "The channels of the input must be known and divisible by `groups`. "
            f"Received: groups={groups}, input_shape={tuple(input_shape)}"
        )
    return channels
