"""Convolution whose filter is a small network, in one and two dimensions."""

import keras

from keras_cnn_zoo.layers.base_convolution import checked_channels, checked_dilation
from keras_cnn_zoo.layers.convolution.dilated_conv import Conv1D, Conv2D
from keras_cnn_zoo.layers.slots import CompositeLayer
from keras_cnn_zoo.ops import windows
from keras_cnn_zoo.utils import docstrings, initialization, validation
from keras_cnn_zoo.utils.weight_arguments import CONVOLUTION_ARGUMENTS, serialized


class BaseMLPConv(CompositeLayer):
    """Abstract convolution with a small network as filter; each rank's docstring includes the rest.

    Reference: Lin, Chen, Yan, 2013, "Network In Network", arXiv 1312.4400 (two dimensions); equations (5) and
    (6) of the survey.

    Args:
        filters: Filters of each convolution in order, a sequence of integers. The first convolution has the
            window, and the last entry is the number of output channels. The paper has three, such as (192,
            160, 96).
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
        kernel_initializer: For every kernel, each with its own seed. Defaults to Glorot uniform.
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

    rank = None
    paddings = ("valid", "same")
    receptive_steps = "window"
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
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        if not isinstance(filters, (tuple, list)) or not filters:
            validation.fail("filters", "a sequence of positive integers", filters)
        self.filters = validation.positive_integers("filters", filters, len(filters))
        self.kernel_size = validation.positive_integers("kernel_size", kernel_size, self.rank)
        self.strides = validation.positive_integers("strides", strides, self.rank)
        self.padding = validation.one_of("padding", padding, self.paddings)
        self.data_format = validation.data_format("data_format", data_format)
        self.dilation_rate = checked_dilation(dilation_rate, self.strides)
        self.groups = validation.divisor(
            "groups", groups, self.filters[0], f"the first of filters={self.filters}"
        )
        self.activation = keras.activations.get(activation)
        self.use_bias = validation.boolean("use_bias", use_bias)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)

    def _layer(self, index):
        """Returns the convolution with the window, or one of the pointwise convolutions after it."""
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
            kernel_initializer=self._initializer(),
            bias_initializer=initialization.reseeded(self.bias_initializer, index),
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint,
            dtype=self.dtype_policy,
            name=f"convolution_{index + 1}",
        )

    def build_parts(self, input_shape):
        shape = tuple(input_shape)
        self.compute_output_shape(shape)
        checked_channels(shape, self._channel_axis, self.groups)
        self.convolutions = [self._layer(index) for index in range(len(self.filters))]
        for layer in self.convolutions:
            layer.build(shape)
            shape = layer.compute_output_shape(shape)

    def call(self, inputs):
        for layer in self.convolutions:
            inputs = layer(inputs)
        return inputs

    def compute_output_shape(self, input_shape):
        return windows.window_shape(
            input_shape,
            self.kernel_size,
            self.strides,
            self.padding,
            self.data_format,
            channels=self.filters[-1],
            dilation=self.dilation_rate,
            owner=type(self).__name__,
        )

    def get_config(self):
        arguments = {name: getattr(self, name) for name in CONVOLUTION_ARGUMENTS}
        return {**super().get_config(), **serialized(arguments)}


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled_from_base
class MLPConv1D(BaseMLPConv):
    """1D convolution whose filter is a multilayer perceptron, slid along the steps.

    `y_1 = activation(bias_1 + kernel_1 * x)` with a window of `kernel_size`, then at every step `y_n =
    activation(bias_n + kernel_n . y_(n - 1))`: a convolution and pointwise ones. A convolution separates
    features only by a hyperplane; this layer is a universal approximator.

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

    `y_1 = activation(bias_1 + kernel_1 * x)` with a window of `kernel_size`, then at every position `y_n =
    activation(bias_n + kernel_n . y_(n - 1))`: a convolution and 1 x 1 ones. A convolution separates features
    only by a hyperplane; this layer is a universal approximator. Network in Network is three of these, with
    pooling between them and global average pooling at the end.

    >>> layer = MLPConv2D((192, 160, 96), kernel_size=5, padding="same")
    >>> print(layer(np.ones((1, 32, 32, 3))).shape)
    (1, 32, 32, 96)
    """

    rank = 2
    convolution = Conv2D
