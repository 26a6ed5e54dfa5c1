"""Tiled convolution in one and two dimensions."""

import keras
from keras import ops

from keras_cnn_zoo.layers.base_convolution import BaseConvolution, checked_channels
from keras_cnn_zoo.ops import affine, tiling
from keras_cnn_zoo.utils import docstrings, initialization, validation


class BaseTiledConv(BaseConvolution):
    """Abstract tiled convolution; each rank's docstring includes the rest of this one.

    Reference: Le, Ngiam, Chen, Chia, Koh, Ng, 2010, "Tiled Convolutional Neural Networks", NIPS; section
    3.1.1 of the survey.

    Differs from the paper: there is one bias per filter, as in Keras; the paper also unties the biases. The
    paper's square-root pooling is `LpPooling{rank}D(p=2)`.

    Args:
        filters: Number of filters of each kernel, and of output channels.
        {kernel_size}
        {strides}
        {padding_or_causal}
        {data_format}
        {dilation_rate}
        {groups}
        activation: Activation of the output, or None.
        use_bias: Whether to add a bias, one value per filter. Defaults to True.
        kernel_initializer: For the kernels, with a different seed for each. The first kernel equals that of
            `keras.layers.Conv{rank}D`. Defaults to Glorot uniform.
        {bias_initializer}
        kernel_regularizer: For the tensor of all kernels, or None. `KernelSmoothness` sees each kernel by
            itself.
        bias_regularizer: For the bias, or None.
        {activity_regularizer}
        kernel_constraint: For the tensor of all kernels, or None.
        bias_constraint: For the bias, or None.
        tile_size: Number of kernels along each axis, at least 1. Defaults to 2.
        {kwargs}

    Call arguments:
        {inputs}

    Input shape:
        {maps}.

    Output shape:
        {convolved_maps}

    Raises:
        {convolution_errors}
    """

    receptive_steps = "window"

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
        tile_size=2,
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
        self.tile_size = validation.positive_integer("tile_size", tile_size)

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        channels = checked_channels(input_shape, self._channel_axis, self.groups)
        kernel = (*self.kernel_size, channels // self.groups, self.filters)
        self.kernel = self._add_kernel(
            (self.tile_size,) * self.rank + kernel,
            self._initialize_kernels,
            kernels=(self.tile_size**self.rank, *kernel),
        )
        self.bias = self._add_bias((self.filters,))
        self.built = True

    def _initialize_kernels(self, shape, dtype=None):
        """Returns kernels initialized one by one, so that each has the fan-in of a convolution kernel."""
        shape = tuple(shape)
        initializer = self.kernel_initializer or keras.initializers.GlorotUniform()
        kernels = [
            initialization.reseeded(initializer, index)(shape[self.rank :], dtype=dtype)
            for index in range(self.tile_size**self.rank)
        ]
        return ops.reshape(ops.stack(kernels), shape)

    def call(self, inputs):
        outputs = tiling.tiled_convolution(
            inputs,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            data_format=self.data_format,
            dilation_rate=self.dilation_rate,
            groups=self.groups,
        )
        outputs = affine.add_bias(outputs, self.bias, self.data_format)
        return outputs if self.activation is None else self.activation(outputs)

    def lsuv_kernels(self):
        """Returns how `initializers.lsuv` scales the kernels, whose first axes are the position."""
        return [{"kernel": self.kernel, "tiles": tuple(range(self.rank))}]

    def get_config(self):
        return {**super().get_config(), "tile_size": self.tile_size}


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled_from_base
class TiledConv1D(BaseTiledConv):
    """1D convolution with `tile_size` untied kernels in alternation.

    `y[t] = activation(bias + sum_s kernel[t % tile_size, s] . x[t * strides + s * dilation_rate])`, so
    weights are shared only between positions `tile_size` apart. Neighboring outputs can learn different
    features, and pooling over them gives invariances beyond translation. `tile_size=1` is
    `keras.layers.Conv1D`.

    >>> layer = TiledConv1D(4, kernel_size=3, padding="same", tile_size=2)
    >>> print(layer(np.ones((1, 9, 2))).shape)
    (1, 9, 4)
    >>> print(layer.kernel.shape)
    (2, 3, 2, 4)
    """

    rank = 1
    paddings = ("valid", "same", "causal")


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled_from_base
class TiledConv2D(BaseTiledConv):
    """2D convolution with `tile_size x tile_size` untied kernels in alternation.

    `y[i, j] = activation(bias + sum_st kernel[i % tile_size, j % tile_size, s, t] . x[...])`, with the input
    window of a convolution, so weights are shared only between positions `tile_size` apart. Neighboring
    outputs can learn different features, and pooling over them gives invariances beyond translation, such as
    rotation and scale. `tile_size=1` is `keras.layers.Conv2D`.

    >>> layer = TiledConv2D(4, kernel_size=3, padding="same", tile_size=2)
    >>> print(layer(np.ones((1, 9, 9, 2))).shape)
    (1, 9, 9, 4)
    >>> print(layer.kernel.shape)
    (2, 2, 3, 3, 2, 4)
    """

    rank = 2
