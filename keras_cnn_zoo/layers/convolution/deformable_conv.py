"""Deformable convolution in two dimensions."""

import keras
from keras import ops

from keras_cnn_zoo.layers import kernels
from keras_cnn_zoo.layers.slots import CompositeLayer
from keras_cnn_zoo.ops.deformable_convolution import deformable_convolution
from keras_cnn_zoo.utils import validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class DeformableConv2D(CompositeLayer):
    """2D convolution that learns where each tap of its kernel looks.

    `y[p] = activation(bias + sum over taps t of kernel[t] . m[p, t] x(p * strides + t * dilation_rate +
    offset[p, t]))`, the input `x` bilinear between pixels and 0 outside. Offsets and modulation `m` come from
    a convolution of the same input, `offset`, whose weights start at 0: then the offsets are 0 and `m`, a
    sigmoid, is 1/2 everywhere. The kernel follows the shape of what it sees, which helps detection and
    segmentation most, in the last stages of a backbone. With `modulated=False` this is version 1, `m = 1`.

    Reference: Zhu, Hu, Lin, Dai, 2019, "Deformable ConvNets v2: More Deformable, Better Results", arXiv
    1811.11168; version 1: Dai, Qi, Xiong, Li, Zhang, Hu, Wei, 2017, "Deformable Convolutional Networks",
    arXiv 1703.06211.

    Differs from the paper: `offset` learns at the rate of the other layers, where the authors take a tenth.

    Args:
        filters: Number of filters, and channels of the output.
        kernel_size: Height and width of the kernel, an integer or two.
        strides: Step of the kernel, an integer or two. Defaults to 1.
        padding: `"valid"` or `"same"`. Defaults to `"valid"`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras' global setting.
        dilation_rate: Spacing of the kernel's taps, an integer or two; more than 1 only with `strides=1`, as
            in Keras. Defaults to 1.
        groups: Groups of channels that are convolved separately, a divisor of `filters` and of the input's
            channels. Defaults to 1.
        activation: Activation of the output, or None.
        use_bias: Whether to add a bias; `offset` has one always. Defaults to True.
        kernel_initializer: For the kernel. Defaults to Glorot uniform.
        bias_initializer: For the bias. Defaults to zeros.
        kernel_regularizer: For the kernel, or None.
        bias_regularizer: For the bias, or None.
        activity_regularizer: For the output, or None.
        kernel_constraint: For the kernel, or None.
        bias_constraint: For the bias, or None.
        modulated: Whether samples are weighed by a learned factor between 0 and 1. Defaults to True.
        offset_groups: Groups of channels with offsets of their own, a divisor of the input's channels.
            Defaults to 1.
        **kwargs: `name`, `dtype`, ...

    Call arguments:
        inputs: A floating-point tensor. Positions are computed in at least float32.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` for channels_first.

    Output shape:
        `(batch, new_height, new_width, filters)`, or `(batch, filters, new_height, new_width)`, as of
        `keras.layers.Conv2D`.

    Raises:
        ValueError: for an argument outside its range, strides with dilation, or an input of a rank other than
            4, smaller than the kernel, or with channels that `groups` or `offset_groups` does not divide.

    >>> layer = DeformableConv2D(4, kernel_size=3, padding="same")
    >>> print(layer(np.ones((1, 9, 9, 2))).shape)
    (1, 9, 9, 4)
    >>> print(layer.offset.kernel.shape)
    (3, 3, 2, 27)
    """

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
        *,
        modulated=True,
        offset_groups=1,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = validation.positive_integer("filters", filters)
        self.kernel_size = validation.positive_integers("kernel_size", kernel_size, 2)
        self.strides = validation.positive_integers("strides", strides, 2)
        self.padding = validation.one_of("padding", padding, ("valid", "same"))
        self.data_format = validation.data_format("data_format", data_format)
        self.dilation_rate = validation.positive_integers("dilation_rate", dilation_rate, 2)
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
        self.modulated = validation.boolean("modulated", modulated)
        self.offset_groups = validation.positive_integer("offset_groups", offset_groups)
        self.offset = keras.layers.Conv2D(
            self._samples * (3 if self.modulated else 2),
            self.kernel_size,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
            kernel_initializer="zeros",
            dtype=self.dtype_policy,
            name="offset",
        )

    @property
    def _samples(self):
        """Samples per output position: one per tap and offset group."""
        return self.offset_groups * self.kernel_size[0] * self.kernel_size[1]

    def build_parts(self, input_shape):
        self.compute_output_shape(input_shape)
        channels = input_shape[self._channel_axis]
        for name, parts in (("groups", self.groups), ("offset_groups", self.offset_groups)):
            if channels is None or channels % parts:
                raise ValueError(
                    f"The channels of the input must be known and divisible by `{name}`. "
                    f"Received: {name}={parts}, input_shape={tuple(input_shape)}"
                )
        self.kernel = kernels.add_kernel(self, (*self.kernel_size, channels // self.groups, self.filters))
        self.bias = kernels.add_bias(self, (self.filters,))
        self.offset.build(input_shape)

    def call(self, inputs):
        offsets = self.offset(inputs)
        if self.data_format == "channels_first":
            inputs, offsets = (ops.transpose(tensor, (0, 2, 3, 1)) for tensor in (inputs, offsets))
        modulation = None
        if self.modulated:
            offsets, modulation = ops.split(offsets, [2 * self._samples], axis=-1)
            modulation = ops.sigmoid(modulation)
        outputs = deformable_convolution(
            inputs,
            ops.convert_to_tensor(self.kernel),
            offsets,
            modulation,
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
        )
        if self.use_bias:
            outputs = outputs + self.bias
        if self.data_format == "channels_first":
            outputs = ops.transpose(outputs, (0, 3, 1, 2))
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape):
        return kernels.convolution_shape(self, input_shape, self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            **kernels.convolution_config(self),
            "modulated": self.modulated,
            "offset_groups": self.offset_groups,
        }
