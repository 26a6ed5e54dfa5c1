"""Deformable convolution in two dimensions."""

import keras
from keras import ops

from keras_cnn_zoo.layers.base_convolution import checked_dilation
from keras_cnn_zoo.layers.slots import CompositeLayer
from keras_cnn_zoo.ops import affine, windows
from keras_cnn_zoo.ops.deformable_convolution import deformable_convolution
from keras_cnn_zoo.utils import docstrings, validation
from keras_cnn_zoo.utils.weight_arguments import CONVOLUTION_ARGUMENTS, serialized


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class DeformableConv2D(CompositeLayer):
    """2D convolution that learns the sampling position of each tap of its kernel.

    `y[p] = activation(bias + sum over taps t of kernel[t] . m[p, t] x(p * strides + t * dilation_rate +
    offset[p, t]))`, where the input `x` is interpolated bilinearly between pixels and is 0 outside. Another
    convolution of the input, `offset`, computes the offsets and the modulation `m`, a sigmoid. Its weights
    start at 0, so the offsets start at 0 and `m` at 1/2. The kernel adapts to the shape of objects, which
    helps detection and segmentation most, in the last stages of a backbone. `modulated=False` is version 1,
    `m = 1`.

    Reference: Zhu, Hu, Lin, Dai, 2019, "Deformable ConvNets v2: More Deformable, Better Results", arXiv
    1811.11168; version 1: Dai, Qi, Xiong, Li, Zhang, Hu, Wei, 2017, "Deformable Convolutional Networks",
    arXiv 1703.06211.

    Differs from the paper: `offset` uses the learning rate of the other layers; the authors use a tenth of
    it.

    Args:
        filters: Number of filters, and channels of the output.
        {kernel_size}
        {strides}
        {padding}
        {data_format}
        {dilation_rate}
        {groups}
        activation: Activation of the output, or None.
        use_bias: Whether to add a bias; `offset` always has one. Defaults to True.
        {weights}
        modulated: Whether samples are weighted by a learned factor between 0 and 1. Defaults to True.
        offset_groups: Groups of channels with separate offsets, a divisor of the input's channels. Defaults
            to 1.
        {kwargs}

    Call arguments:
        inputs: A floating-point tensor. Positions are computed in at least float32.

    Input shape:
        {maps}.

    Output shape:
        {convolved_maps}

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
        """Number of samples per output position: one per tap and offset group."""
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
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, channels // self.groups, self.filters),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.filters,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        self.offset.build(input_shape)

    def call(self, inputs):
        # input (batch, height, width, channels), samples = offset_groups * taps
        # -> `offset` convolution (batch, new_height, new_width, 3 * samples), 2 * samples if not modulated
        # -> offsets in pixels (..., 2 * samples) and modulation in [0, 1] (..., samples)
        # -> bilinear samples, times modulation, times kernel -> (batch, new_height, new_width, filters)
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
        outputs = affine.add_bias(outputs, self.bias)
        if self.data_format == "channels_first":
            outputs = ops.transpose(outputs, (0, 3, 1, 2))
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape):
        return windows.window_shape(
            input_shape,
            self.kernel_size,
            self.strides,
            self.padding,
            self.data_format,
            channels=self.filters,
            dilation=self.dilation_rate,
            owner="DeformableConv2D",
        )

    def get_config(self):
        arguments = {name: getattr(self, name) for name in CONVOLUTION_ARGUMENTS}
        return {
            **super().get_config(),
            **serialized(arguments),
            "modulated": self.modulated,
            "offset_groups": self.offset_groups,
        }
