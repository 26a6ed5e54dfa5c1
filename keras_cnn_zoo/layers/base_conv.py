"""What layers that slide a window share."""

from keras import ops

from keras_cnn_zoo.layers.base_kernel import BaseKernel
from keras_cnn_zoo.ops import windows
from keras_cnn_zoo.utils import validation


class BaseConv(BaseKernel):
    """The window of a convolution; `rank`, and `paddings` where there are others, are set by the subclass."""

    rank = None
    paddings = ("valid", "same")
    dilation_rate = None

    def __init__(self, filters, kernel_size, strides=1, padding="valid", data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.filters = self.checked_filters(filters)
        self.kernel_size = validation.positive_integers("kernel_size", kernel_size, self.rank)
        self.strides = validation.positive_integers("strides", strides, self.rank)
        self.padding = validation.one_of("padding", padding, self.paddings)
        self.data_format = validation.data_format("data_format", data_format)

    def checked_filters(self, filters):
        """What is kept as `filters`."""
        return validation.positive_integer("filters", filters)

    @property
    def output_channels(self):
        """Channels of the output."""
        return self.filters

    @property
    def channel_axis(self):
        """The position of the channels."""
        return self.rank + 1 if self.data_format == "channels_last" else 1

    def along_channels(self, bias):
        """A bias of one number a filter, in the shape in which it is added."""
        if self.data_format == "channels_last":
            return bias
        return ops.reshape(bias, (-1, *(1,) * self.rank))

    def compute_output_shape(self, input_shape):
        return windows.window_shape(
            input_shape,
            self.kernel_size,
            self.strides,
            self.padding,
            self.data_format,
            channels=self.output_channels,
            dilation=self.dilation_rate,
            owner=type(self).__name__,
        )

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
        }


class BaseGroupedConv(BaseConv):
    """A window that may be dilated, over channels that may be in groups."""

    def __init__(self, filters, kernel_size, strides=1, *, dilation_rate=1, groups=1, **kwargs):
        super().__init__(filters, kernel_size, strides, **kwargs)
        self.dilation_rate = validation.positive_integers("dilation_rate", dilation_rate, self.rank)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            validation.fail("dilation_rate", f"1 with strides={self.strides}, as in Keras", dilation_rate)
        self.groups = validation.positive_integer("groups", groups)
        self.check_groups(groups)

    def check_groups(self, groups):
        """ValueError where the filters cannot be shared out among the groups."""
        if self.filters % self.groups:
            validation.fail("groups", f"a divisor of filters={self.filters}", groups)

    def known_channels(self, input_shape):
        """The channels of the input, or ValueError where they are unknown or do not fall into groups."""
        self.compute_output_shape(input_shape)
        channels = input_shape[self.channel_axis]
        if channels is None or channels % self.groups:
            raise ValueError(
                "The channels of the input must be known and divisible by `groups`. "
                f"Received: groups={self.groups}, input_shape={tuple(input_shape)}"
            )
        return channels

    def get_config(self):
        return {**super().get_config(), "dilation_rate": self.dilation_rate, "groups": self.groups}
