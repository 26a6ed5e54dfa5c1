"""Highway layer with convolutions."""

import keras

from keras_cnn_zoo.layers.slots import CompositeLayer
from keras_cnn_zoo.utils import docstrings, validation
from keras_cnn_zoo.utils.initialization import ExactConstant
from keras_cnn_zoo.utils.weight_arguments import CONVOLUTION_ARGUMENTS, serialized


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class HighwayConv2D(CompositeLayer):
    """Convolution with a learned gate between its output and its input.

    `y = h * t + x * (1 - t)`, with `h = activation(convolution(x))` and `t = sigmoid(gate convolution(x))`.
    With a negative `gate_bias`, the layer starts close to the identity, so stacks of dozens of layers train
    with plain SGD. Residual blocks are the same idea without the gate.

    Reference: Srivastava, Greff, Schmidhuber, 2015, "Highway Networks", arXiv 1505.00387, and "Training Very
    Deep Networks", arXiv 1507.06228; equation (36) of the survey.

    Args:
        filters: Filters of both convolutions, equal to the input's channels.
        {kernel_size}
        strides: 1 only, because the output is mixed with the input.
        padding: `"same"` only, for the same reason.
        {data_format}
        dilation_rate: Dilation of both convolutions, an integer or a pair of integers. Defaults to 1.
        groups: Groups of both convolutions, a divisor of `filters`. Defaults to 1.
        activation: Activation of `h`. Defaults to `"relu"`, which the paper's convolutional networks use.
        use_bias: Whether `h` has a bias; the gate always has one. Defaults to True.
        kernel_initializer: For both kernels, each with its own seed. Defaults to Glorot uniform.
        bias_initializer: For the bias of `h`. Defaults to zeros.
        kernel_regularizer: For both kernels, or None.
        bias_regularizer: For the bias of `h`, or None.
        {activity_regularizer}
        kernel_constraint: For both kernels, or None.
        bias_constraint: For the bias of `h`, or None.
        gate_bias: Initial bias of the gate; at -2 the gate passes 12% of `h`. The paper uses -1 to -10, lower
            for deeper networks. Defaults to -2.
        {kwargs}

    Call arguments:
        {inputs}

    Input shape:
        `(batch, height, width, filters)`, or `(batch, filters, height, width)` for channels_first.

    Output shape:
        Same as the input.

    Raises:
        ValueError: for an argument outside its range, strides other than 1, padding other than `"same"`, an
            input of a rank other than 4, or with channels other than `filters`.

    >>> layer = HighwayConv2D(3, kernel_size=3)
    >>> tuple(layer(np.ones((1, 8, 8, 3))).shape)
    (1, 8, 8, 3)
    """

    receptive_steps = "window"

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
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = validation.positive_integer("filters", filters)
        self.kernel_size = validation.positive_integers("kernel_size", kernel_size, 2)
        self.strides = validation.positive_integers("strides", strides, 2)
        if self.strides != (1, 1):
            validation.fail("strides", "1, because the output is mixed with the input", strides)
        self.padding = validation.one_of("padding", padding, ("same",))
        self.data_format = validation.data_format("data_format", data_format)
        self.dilation_rate = validation.positive_integers("dilation_rate", dilation_rate, 2)
        self.groups = validation.divisor("groups", groups, self.filters, f"filters={self.filters}")
        self.activation = keras.activations.get(activation)
        self.use_bias = validation.boolean("use_bias", use_bias)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
        self.gate_bias = validation.finite_number("gate_bias", gate_bias)

        common = {
            "padding": "same",
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
            "kernel_regularizer": self.kernel_regularizer,
            "kernel_constraint": self.kernel_constraint,
        }
        self.transform = self._convolution(
            self.filters,
            self.kernel_size,
            "transform",
            **common,
            activation=self.activation,
            use_bias=self.use_bias,
            bias_initializer=self.bias_initializer,
            bias_regularizer=self.bias_regularizer,
            bias_constraint=self.bias_constraint,
        )
        # Regularizing, constraining, or reinitializing the gate's bias would undo `gate_bias`.
        self.gate = self._convolution(
            self.filters,
            self.kernel_size,
            "gate",
            **common,
            activation="sigmoid",
            bias_initializer=ExactConstant(self.gate_bias),
        )

    def build_parts(self, input_shape):
        if len(input_shape) != 4:
            raise ValueError(
                f"`HighwayConv2D` takes inputs of rank 4. Received: input_shape={tuple(input_shape)}"
            )
        if input_shape[self._channel_axis] != self.filters:
            raise ValueError(
                "`filters` must equal the channels of the input, which is mixed with the output. "
                f"Received: filters={self.filters}, input_shape={tuple(input_shape)}"
            )
        self.transform.build(input_shape)
        self.gate.build(input_shape)

    def call(self, inputs):
        gate = self.gate(inputs)
        return self.transform(inputs) * gate + inputs * (1 - gate)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        arguments = {name: getattr(self, name) for name in CONVOLUTION_ARGUMENTS}
        return {**super().get_config(), **serialized(arguments), "gate_bias": self.gate_bias}
