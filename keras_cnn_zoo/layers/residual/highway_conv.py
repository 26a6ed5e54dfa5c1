"""Highway layers with convolutions."""

import keras

from keras_cnn_zoo.layers.base_convolution import BaseConvolution
from keras_cnn_zoo.layers.convolution.dilated_conv import Conv2D
from keras_cnn_zoo.utils import docstrings, validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class HighwayConv2D(BaseConvolution):
    """Convolution with a learned gate between its output and its input.

    `y = h * t + x * (1 - t)`, with `h = activation(convolution(x))` and `t = sigmoid(gate convolution(x))`. A
    negative `gate_bias` starts the layer close to the identity, so that stacks of dozens of layers train with
    plain SGD; residual blocks are the same idea without the gate.

    Reference: Srivastava, Greff, Schmidhuber, 2015, "Highway Networks", arXiv 1505.00387, and "Training Very
    Deep Networks", arXiv 1507.06228; equation (36) of the survey.

    Args:
        filters: Filters of both convolutions, equal to the input's channels.
        {kernel_size}
        strides: 1 only, because the input is carried over.
        padding: `"same"` only, for the same reason.
        {data_format}
        dilation_rate: Dilation of both convolutions, an integer or two. Defaults to 1.
        groups: Groups of both convolutions, a divisor of `filters`. Defaults to 1.
        activation: Activation of `h`. Defaults to `"relu"`, which the paper's convolutional networks use.
        use_bias: Whether `h` has a bias; the gate always has one. Defaults to True.
        kernel_initializer: For both kernels; one with a fixed seed starts them alike. Defaults to Glorot
            uniform.
        bias_initializer: For the bias of `h`. Defaults to zeros.
        kernel_regularizer: For both kernels, or None.
        bias_regularizer: For the bias of `h`, or None.
        {activity_regularizer}
        kernel_constraint: For both kernels, or None.
        bias_constraint: For the bias of `h`, or None.
        gate_bias: Initial bias of the gate; at -2 the gate lets 12 % of `h` through. The paper uses -1 to
            -10, lower for deeper networks. Defaults to -2.
        {kwargs}

    Call arguments:
        {inputs}

    Input shape:
        `(batch, height, width, filters)`, or `(batch, filters, height, width)` for channels_first.

    Output shape:
        As the input.

    Raises:
        ValueError: for an argument outside its range, strides other than 1, padding other than `"same"`, an
            input of a rank other than 4, or with channels other than `filters`.

    >>> layer = HighwayConv2D(3, kernel_size=3)
    >>> tuple(layer(np.ones((1, 8, 8, 3))).shape)
    (1, 8, 8, 3)
    """

    rank = 2
    paddings = ("same",)

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="same",
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
        *,
        gate_bias=-2.0,
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
        if self.strides != (1, 1):
            validation.fail("strides", "1, because the input is carried over", strides)
        self.gate_bias = validation.finite_number("gate_bias", gate_bias)

        common = {
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "padding": "same",
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
            "kernel_regularizer": self.kernel_regularizer,
            "kernel_constraint": self.kernel_constraint,
            "dtype": self.dtype_policy,
        }
        self.transform = Conv2D(
            **common,
            activation=self.activation,
            use_bias=self.use_bias,
            kernel_initializer=self.kernel_initializer,
            bias_initializer=self.bias_initializer,
            bias_regularizer=self.bias_regularizer,
            bias_constraint=self.bias_constraint,
            name="transform",
        )
        # Regularizing, constraining or re-initializing the gate's bias would undo `gate_bias`. The
        # initializer is rebuilt because an unseeded Keras initializer repeats its values when it is used
        # twice.
        self.gate = Conv2D(
            **common,
            activation="sigmoid",
            kernel_initializer=keras.initializers.get(keras.initializers.serialize(self.kernel_initializer)),
            bias_initializer=keras.initializers.Constant(self.gate_bias),
            name="gate",
        )

    def build(self, input_shape):
        if len(input_shape) != 4:
            raise ValueError(
                f"`HighwayConv2D` takes inputs of rank 4. Received: input_shape={tuple(input_shape)}"
            )
        if input_shape[self._channel_axis] != self.filters:
            raise ValueError(
                "`filters` must equal the channels of the input, which is carried over. "
                f"Received: filters={self.filters}, input_shape={tuple(input_shape)}"
            )
        self.transform.build(input_shape)
        self.gate.build(input_shape)
        self.built = True

    def call(self, inputs):
        gate = self.gate(inputs)
        return self.transform(inputs) * gate + inputs * (1 - gate)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {**super().get_config(), "gate_bias": self.gate_bias}
