"""Gated convolution."""

import keras
from keras import ops

from keras_cnn_zoo.layers.base_convolution import BaseConvolution, checked_channels
from keras_cnn_zoo.ops import affine
from keras_cnn_zoo.utils import docstrings, initialization


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class GatedConv1D(BaseConvolution):
    """1D convolution whose output is gated by another convolution of the same input.

    `y = activation(bias + kernel * x) * sigmoid(gate_bias + gate_kernel * x)`. Without an activation, this is
    the gated linear unit: the gate is the only nonlinearity, so the gradient has a linear path through deep
    stacks. `activation="tanh"` gives the gated tanh unit of PixelCNN and WaveNet. With the default `"causal"`
    padding, no output depends on a later step, as language models require.

    Reference: Dauphin, Fan, Auli, Grangier, 2017, "Language Modeling with Gated Convolutional Networks",
    arXiv 1612.08083.

    Differs from the paper: the weights are not normalized (wrap the layer in `WeightNormalization` for that),
    and the bottleneck and the residual connection are left to the model.

    Args:
        filters: Number of filters of each of the two convolutions, and channels of the output.
        {kernel_size}
        {strides}
        padding: `"causal"`, `"valid"`, or `"same"`, as in `keras.layers.Conv1D`. Defaults to `"causal"`.
        {data_format}
        {dilation_rate}
        groups: Groups of both convolutions, a divisor of `filters` and of the input's channels. Defaults
            to 1.
        activation: Activation of the gated convolution, or None, as in the paper.
        use_bias: Whether both convolutions have a bias. Defaults to True.
        kernel_initializer: For both kernels, with a different seed for each. Defaults to He normal, as in the
            paper.
        bias_initializer: For both biases. Defaults to zeros, which gives a half-open gate.
        kernel_regularizer: For both kernels, or None.
        bias_regularizer: For both biases, or None.
        {activity_regularizer}
        kernel_constraint: For both kernels, or None.
        bias_constraint: For both biases, or None.
        {kwargs}

    Call arguments:
        {inputs}

    Input shape:
        {maps}; steps may be unknown.

    Output shape:
        {convolved_maps}

    Raises:
        {convolution_errors}

    >>> layer = GatedConv1D(4, kernel_size=3)
    >>> print(layer(np.ones((1, 9, 2))).shape)
    (1, 9, 4)
    """

    rank = 1
    receptive_steps = "window"
    paddings = ("causal", "valid", "same")

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

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        channels = checked_channels(input_shape, self._channel_axis, self.groups)
        shape = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel, self.bias = self._add_pair(shape, 0, "")
        self.gate_kernel, self.gate_bias = self._add_pair(shape, 1, "gate_")
        self.built = True

    def _add_pair(self, shape, index, prefix):
        """Returns the kernel and the bias of one of the two convolutions."""
        kernel_initializer = initialization.reseeded(self.kernel_initializer, index)
        bias_initializer = initialization.reseeded(self.bias_initializer, index)
        return (
            self._add_kernel(shape, kernel_initializer, f"{prefix}kernel"),
            self._add_bias(shape[-1:], bias_initializer, f"{prefix}bias"),
        )

    def call(self, inputs):
        linear, gate = self._linear_and_gate(inputs)
        if self.activation is not None:
            linear = self.activation(linear)
        return linear * ops.sigmoid(gate)

    def _linear_and_gate(self, inputs):
        """Returns the outputs of the two convolutions before their activations."""
        window = {
            "strides": self.strides,
            "padding": self.padding,
            "data_format": self.data_format,
            "dilation_rate": self.dilation_rate,
        }
        if self.groups == 1:
            # One convolution for both is faster, because it reads the input once.
            kernels = ops.concatenate([self.kernel, self.gate_kernel], axis=-1)
            both = affine.convolution(inputs, kernels, **window)
            linear, gate = ops.split(both, 2, axis=self._channel_axis)
        else:
            linear = affine.convolution(inputs, self.kernel, **window)
            gate = affine.convolution(inputs, self.gate_kernel, **window)
        linear = affine.add_bias(linear, self.bias, self.data_format)
        return linear, affine.add_bias(gate, self.gate_bias, self.data_format)

    def lsuv_kernels(self):
        """Returns how `initializers.lsuv` scales the two kernels: each by its own output."""
        return [
            {"kernel": self.kernel, "outputs": lambda inputs: self._linear_and_gate(inputs)[0]},
            {"kernel": self.gate_kernel, "outputs": lambda inputs: self._linear_and_gate(inputs)[1]},
        ]
