"""Convolution with a small network for a filter, in one and two dimensions."""

import keras

from keras_cnn_zoo.layers.base_convolution import BaseConvolution
from keras_cnn_zoo.layers.convolution.dilated_conv import Conv1D, Conv2D
from keras_cnn_zoo.utils import docstrings, initialization, validation


class BaseMLPConv(BaseConvolution):
    """Abstract convolution with a small network for a filter; the rest is in the docstring of every rank.

    Reference: Lin, Chen, Yan, 2013, "Network In Network", arXiv 1312.4400, there in two dimensions;
    equations (5) and (6) of the survey.

    Args:
        filters: Filters of each convolution in order, a sequence of integers; the first one has the window,
            the last gives the channels of the output. The paper has three, such as (192, 160, 96).
        kernel_size: {lengths} of the window, {integers}.
        strides: Step of the window, {integers}. Defaults to 1.
        {padding_or_causal}
        {data_format}
        dilation_rate: Spacing of the window's entries, {integers}; more than 1 only with `strides=1`, as in
            Keras. Defaults to 1.
        groups: Groups of the first convolution, a divisor of its filters and of the input's channels.
            Defaults to 1.
        activation: Activation after every convolution, or None. Defaults to `"relu"`.
        use_bias: Whether every convolution has a bias. Defaults to True.
        kernel_initializer: For every kernel, each with a seed of its own. Defaults to Glorot uniform.
        bias_initializer: For every bias. Defaults to zeros.
        kernel_regularizer: For every kernel, or None.
        bias_regularizer: For every bias, or None.
        {activity_regularizer}
        kernel_constraint: For every kernel, or None.
        bias_constraint: For every bias, or None.
        {kwargs}

    Call arguments:
        {inputs}

    Input shape:
        {maps}.

    Output shape:
        `(batch, {new_axes}, filters[-1])`, or with the channels first, as of `keras.layers.Conv{rank}D`.

    Raises:
        {convolution_errors}
    """

    convolution = None

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        groups=1,
        activation="relu",
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
        super().__init__(
            filters,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            groups,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            **kwargs,
        )

    def _checked_filters(self, filters):
        if not isinstance(filters, (tuple, list)) or not filters:
            validation.fail("filters", "a sequence of positive integers", filters)
        return validation.positive_integers("filters", filters, len(filters))

    def _checked_groups(self, groups):
        return validation.divisor("groups", groups, self.filters[0], f"the first of filters={self.filters}")

    @property
    def _output_channels(self):
        return self.filters[-1]

    def _layer(self, index):
        """Returns the convolution that sees the window, or one of the pointwise ones after it."""
        window = (
            {
                "kernel_size": self.kernel_size,
                "strides": self.strides,
                "padding": self.padding,
                "dilation_rate": self.dilation_rate,
                "groups": self.groups,
            }
            if index == 0
            else {"kernel_size": 1}
        )
        return self.convolution(
            self.filters[index],
            **window,
            data_format=self.data_format,
            activation=self.activation,
            use_bias=self.use_bias,
            kernel_initializer=initialization.reseeded(self.kernel_initializer, index),
            bias_initializer=initialization.reseeded(self.bias_initializer, index),
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint,
            dtype=self.dtype_policy,
            name=f"convolution_{index + 1}",
        )

    def build(self, input_shape):
        shape = tuple(input_shape)
        self.compute_output_shape(shape)
        self._input_channels(shape)
        self.convolutions = [self._layer(index) for index in range(len(self.filters))]
        for layer in self.convolutions:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)
        self.built = True

    def call(self, inputs):
        for layer in self.convolutions:
            inputs = layer(inputs)
        return inputs


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled_from_base
class MLPConv1D(BaseMLPConv):
    """1D convolution whose filter is a multilayer perceptron, slid along the steps.

    `y_1 = activation(bias_1 + kernel_1 * x)` with the window of `kernel_size`, and then at every step
    `y_n = activation(bias_n + kernel_n . y_(n - 1))`: a convolution and pointwise ones. A convolution can
    only separate features by a plane; this separates any.

    >>> layer = MLPConv1D((8, 8, 4), kernel_size=5, padding="same")
    >>> print(layer(np.ones((1, 9, 2))).shape)
    (1, 9, 4)
    """

    rank = 1
    paddings = ("valid", "same", "causal")
    convolution = Conv1D


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled_from_base
class MLPConv2D(BaseMLPConv):
    """2D convolution whose filter is a multilayer perceptron, slid over the map.

    `y_1 = activation(bias_1 + kernel_1 * x)` with the window of `kernel_size`, and then at every position
    `y_n = activation(bias_n + kernel_n . y_(n - 1))`: a convolution and 1 x 1 ones. A convolution can only
    separate features by a plane; this separates any. Network in Network is three of these, with pooling
    between and a global average at the end.

    >>> layer = MLPConv2D((192, 160, 96), kernel_size=5, padding="same")
    >>> print(layer(np.ones((1, 32, 32, 3))).shape)
    (1, 32, 32, 96)
    """

    rank = 2
    convolution = Conv2D
