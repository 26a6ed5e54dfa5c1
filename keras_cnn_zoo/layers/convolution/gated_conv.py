"""Convolution with a gated linear unit."""

import keras
from keras import ops

from keras_cnn_zoo.layers import kernels
from keras_cnn_zoo.ops import windows
from keras_cnn_zoo.utils import initialization, validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class GatedConv1D(keras.layers.Layer):
    """1D convolution whose output is gated by another convolution of the same input.

    `y = activation(bias + kernel * x) * sigmoid(gate_bias + gate_kernel * x)`. Without an activation that is
    the gated linear unit: the gate is the non-linearity, and the gradient has a linear path past it, so that
    deep stacks train without vanishing gradients. `activation="tanh"` is the gated tanh unit of PixelCNN and
    WaveNet. With the default `"causal"` padding no output sees a later step, as a language model needs.

    Reference: Dauphin, Fan, Auli, Grangier, 2017, "Language Modeling with Gated Convolutional Networks",
    arXiv 1612.08083.

    Differs from the paper: the weights are not normalized (its weight normalization is a matter of a wrapper
    or of the optimizer), and the paper's bottleneck and residual connection are left to the model.

    Args:
        filters: Number of filters of each of the two convolutions, and channels of the output.
        kernel_size: Length of both kernels, an integer.
        strides: Step of both kernels, an integer. Defaults to 1.
        padding: `"causal"`, `"valid"` or `"same"`, as in `keras.layers.Conv1D`. Defaults to `"causal"`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras' global setting.
        dilation_rate: Spacing of the kernels' entries, an integer; more than 1 only with `strides=1`, as in
            Keras. Defaults to 1.
        groups: Groups of both convolutions, a divisor of `filters` and of the input's channels. Defaults
            to 1.
        activation: Activation of what is gated, or None, as in the paper.
        use_bias: Whether both convolutions have a bias. Defaults to True.
        kernel_initializer: For both kernels, each with a seed of its own. Defaults to He normal, as in the
            paper.
        bias_initializer: For both biases. Defaults to zeros, a gate that is half open.
        kernel_regularizer: For both kernels, or None.
        bias_regularizer: For both biases, or None.
        activity_regularizer: For the output, or None.
        kernel_constraint: For both kernels, or None.
        bias_constraint: For both biases, or None.
        **kwargs: `name`, `dtype`, ...

    Call arguments:
        inputs: A floating-point tensor.

    Input shape:
        `(batch, steps, channels)`, or `(batch, channels, steps)` for channels_first; steps may be unknown.

    Output shape:
        `(batch, new_steps, filters)`, or `(batch, filters, new_steps)`, as of `keras.layers.Conv1D`.

    Raises:
        ValueError: for an argument outside its range, strides with dilation, or an input of a rank other than
            3, smaller than the kernel, or with channels that `groups` does not divide.

    >>> layer = GatedConv1D(4, kernel_size=3)
    >>> print(layer(np.ones((1, 9, 2))).shape)
    (1, 9, 4)
    """

    receptive_steps = "window"

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="causal",
        data_format=None,
        dilation_rate=1,
        groups=1,
        activation=None,
        use_bias=True,
        kernel_initializer="he_normal",
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
        self.kernel_size = validation.positive_integers("kernel_size", kernel_size, 1)
        self.strides = validation.positive_integers("strides", strides, 1)
        self.padding = validation.one_of("padding", padding, ("causal", "valid", "same"))
        self.data_format = validation.data_format("data_format", data_format)
        self.dilation_rate = validation.positive_integers("dilation_rate", dilation_rate, 1)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            validation.fail("dilation_rate", f"1 with strides={self.strides}, as in Keras", dilation_rate)
        self.groups = validation.positive_integer("groups", groups)
        if self.filters % self.groups:
            validation.fail("groups", f"a divisor of filters={self.filters}", groups)
        self.activation = keras.activations.get(activation)
        self.use_bias = validation.boolean("use_bias", use_bias)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)

    @property
    def _channel_axis(self):
        return 2 if self.data_format == "channels_last" else 1

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        channels = kernels.grouped_channels(self, input_shape)
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        parts = [
            (
                kernels.add_kernel(
                    self, shape, initialization.reseeded(self.kernel_initializer, index), f"{prefix}kernel"
                ),
                kernels.add_bias(
                    self, shape[-1:], initialization.reseeded(self.bias_initializer, index), f"{prefix}bias"
                ),
            )
            for index, prefix in enumerate(("", "gate_"))
        ]
        (self.kernel, self.bias), (self.gate_kernel, self.gate_bias) = parts
        self.built = True

    def call(self, inputs):
        padding, (steps,) = self.padding, windows.spatial_axes(1, self.data_format)
        if padding == "causal":
            reach = self.dilation_rate[0] * (self.kernel_size[0] - 1)
            inputs, padding = windows.pad_axes(inputs, {steps: (reach, 0)}), "valid"

        def convolution(kernel):
            return ops.conv(inputs, kernel, self.strides, padding, self.data_format, self.dilation_rate)

        if self.groups == 1:
            # One convolution reads the input once.
            both = convolution(ops.concatenate([self.kernel, self.gate_kernel], axis=-1))
            linear, gate = ops.split(both, 2, axis=self._channel_axis)
        else:
            linear, gate = convolution(self.kernel), convolution(self.gate_kernel)
        if self.use_bias:
            along = (self.filters,) if self._channel_axis == 2 else (self.filters, 1)
            linear = linear + ops.reshape(self.bias, along)
            gate = gate + ops.reshape(self.gate_bias, along)
        if self.activation is not None:
            linear = self.activation(linear)
        return linear * ops.sigmoid(gate)

    def compute_output_shape(self, input_shape):
        return kernels.convolution_shape(self, input_shape, self.filters)

    def get_config(self):
        return {**super().get_config(), **kernels.convolution_config(self)}
