"""Context module: a stack of dilated convolutions that starts as the identity."""

import keras

from keras_cnn_zoo.initializers.conv_identity import ConvIdentity
from keras_cnn_zoo.layers.convolution.dilated_conv import Conv2D
from keras_cnn_zoo.layers.slots import CompositeLayer
from keras_cnn_zoo.ops import windows
from keras_cnn_zoo.utils import docstrings, initialization, validation

# Relative to the entries of the identity: enough to make copies of a channel differ, but small.
NOISE = 0.01


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class ContextModule2D(CompositeLayer):
    """Stack of dilated convolutions that adds context to every position of a feature map.

    One 3 x 3 convolution per entry of `dilation_rates`, each followed by `activation`, then a 1 x 1
    convolution without activation. The receptive field is `1 + 2 * sum(dilation_rates)` positions along each
    axis, 67 by default, and the map keeps its size. Use it to refine a network's score map per class. It
    starts as the identity for nonnegative inputs, so training starts from the network's own scores.

    Input and output have `filters` channels. The default is the paper's basic module, with `filters` channels
    throughout; `channel_multipliers=(2, 2, 4, 8, 16, 32, 32)` gives its large module.

    Reference: Yu, Koltun, 2016, "Multi-Scale Context Aggregation by Dilated Convolutions", arXiv 1511.07122,
    table 1; section 3.1.3 of the survey.

    Differs from the paper: the default pads the input of every convolution with zeros, as the authors'
    training program does. The paper's networks pad the map once, by `sum(dilation_rates)` zeros or reflected
    positions on each side; for that, pad the input and use `padding="valid"`.

    Args:
        filters: Channels of the input and of the output, for example the number of classes.
        dilation_rates: Dilations of the 3 x 3 convolutions, a sequence of integers. Defaults to `(1, 1, 2, 4,
            8, 16, 1)`; add rates of 32, 64, ... for larger maps, and remove rates for smaller ones.
        channel_multipliers: Channels of each 3 x 3 convolution as multiples of `filters`, one per entry of
            `dilation_rates`, or None for `filters` throughout. Defaults to None.
        padding: `"same"`, or `"valid"`, which removes `sum(dilation_rates)` positions on each side. Defaults
            to `"same"`.
        {data_format}
        activation: Activation after each 3 x 3 convolution, or None. Defaults to `"relu"`.
        kernel_initializer: For all kernels, or None for `ConvIdentity`, with 1% noise if
            `channel_multipliers` copies channels. Defaults to None.
        kernel_regularizer: For all kernels, or None.
        {kwargs}

    Call arguments:
        {inputs}

    Input shape:
        `(batch, height, width, filters)`, or `(batch, filters, height, width)` for channels_first; height and
        width may be unknown.

    Output shape:
        Same as the input; with `padding="valid"`, height and width shrink by `2 * sum(dilation_rates)`.

    Raises:
        ValueError: for an argument outside its range, or an input of a rank other than 4, with channels other
            than `filters`, or too small for `"valid"`.

    >>> scores = np.random.default_rng(0).uniform(size=(1, 64, 64, 21)).astype("float32")
    >>> print(float(keras.ops.max(keras.ops.abs(ContextModule2D(21)(scores) - scores))))
    0.0
    """

    def __init__(
        self,
        filters,
        *,
        dilation_rates=(1, 1, 2, 4, 8, 16, 1),
        channel_multipliers=None,
        padding="same",
        data_format=None,
        activation="relu",
        kernel_initializer=None,
        kernel_regularizer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = validation.positive_integer("filters", filters)
        if not isinstance(dilation_rates, (tuple, list)) or not dilation_rates:
            validation.fail("dilation_rates", "a sequence of positive integers", dilation_rates)
        count = len(dilation_rates)
        self.dilation_rates = validation.positive_integers("dilation_rates", dilation_rates, count)
        if channel_multipliers is not None and not isinstance(channel_multipliers, (tuple, list)):
            validation.fail("channel_multipliers", f"{count} positive integers or None", channel_multipliers)
        self.channel_multipliers = validation.positive_integers(
            "channel_multipliers", channel_multipliers, count, optional=True
        )
        self.padding = validation.one_of("padding", padding, ("same", "valid"))
        self.data_format = validation.data_format("data_format", data_format)
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

        widths = [self.filters * multiplier for multiplier in self.channel_multipliers or [1] * count]
        initializer = self.kernel_initializer
        if initializer is None:
            initializer = ConvIdentity(self.filters, noise=NOISE if max(widths) > self.filters else 0.0)
        self.convolutions = [
            Conv2D(
                width,
                kernel_size,
                padding=self.padding,
                data_format=self.data_format,
                dilation_rate=rate,
                activation=self.activation if index < count else None,
                kernel_initializer=initialization.reseeded(initializer, index),
                kernel_regularizer=self.kernel_regularizer,
                dtype=self.dtype_policy,
                name=f"convolution_{index + 1}",
            )
            for index, (width, kernel_size, rate) in enumerate(
                zip([*widths, self.filters], [3] * count + [1], [*self.dilation_rates, 1], strict=True)
            )
        ]

    def build_parts(self, input_shape):
        shape = tuple(input_shape)
        self.compute_output_shape(shape)
        if shape[self._channel_axis] != self.filters:
            raise ValueError(
                "`filters` must equal the channels of the input. "
                f"Received: filters={self.filters}, input_shape={shape}"
            )
        for layer in self.convolutions:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def call(self, inputs):
        for layer in self.convolutions:
            inputs = layer(inputs)
        return inputs

    def compute_output_shape(self, input_shape):
        # The stack has the same window as one 3 x 3 convolution whose rate is the sum of all rates.
        return windows.window_shape(
            input_shape,
            (3, 3),
            (1, 1),
            self.padding,
            self.data_format,
            dilation=(sum(self.dilation_rates),) * 2,
            owner=type(self).__name__,
        )

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "dilation_rates": self.dilation_rates,
            "channel_multipliers": self.channel_multipliers,
            "padding": self.padding,
            "data_format": self.data_format,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
