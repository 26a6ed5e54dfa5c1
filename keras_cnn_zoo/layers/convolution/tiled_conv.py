"""Tiled convolution in one and two dimensions."""

import keras
from keras import ops

from keras_cnn_zoo.layers import kernels
from keras_cnn_zoo.ops import tiling
from keras_cnn_zoo.utils import initialization, validation


class BaseTiledConv(keras.layers.Layer):
    """What the ranks share; `rank` is set by the subclass."""

    rank = None
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
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = validation.positive_integer("filters", filters)
        self.kernel_size = validation.positive_integers("kernel_size", kernel_size, self.rank)
        self.strides = validation.positive_integers("strides", strides, self.rank)
        paddings = ("valid", "same", "causal") if self.rank == 1 else ("valid", "same")
        self.padding = validation.one_of("padding", padding, paddings)
        self.data_format = validation.data_format("data_format", data_format)
        self.dilation_rate = validation.positive_integers("dilation_rate", dilation_rate, self.rank)
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
        self.tile_size = validation.positive_integer("tile_size", tile_size)

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        channels = kernels.grouped_channels(self, input_shape)
        self.kernel = kernels.add_kernel(
            self,
            (self.tile_size,) * self.rank + (*self.kernel_size, channels // self.groups, self.filters),
            self._initialize_kernels,
        )
        self.bias = kernels.add_bias(self, (self.filters,))
        self.built = True

    def _initialize_kernels(self, shape, dtype=None):
        """Each kernel by itself, so that its fan-in is that of the convolution it replaces."""
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
        if self.bias is not None:
            along = (1,) * self.rank if self.data_format == "channels_first" else ()
            outputs = outputs + ops.reshape(self.bias, (self.filters, *along))
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape):
        return kernels.convolution_shape(self, input_shape, self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            **kernels.convolution_config(self),
            "tile_size": self.tile_size,
        }


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class TiledConv1D(BaseTiledConv):
    """1D convolution with `tile_size` untied kernels that take turns.

    `y[t] = activation(bias + sum_s kernel[t % tile_size, s] . x[t * strides + s * dilation_rate])`, so that
    weights are shared only between positions `tile_size` apart. Neighbouring outputs may then learn unlike
    features, and pooling over them invariances beyond translation. `tile_size=1` is `keras.layers.Conv1D`.

    Reference: Le, Ngiam, Chen, Chia, Koh, Ng, 2010, "Tiled Convolutional Neural Networks", NIPS; section
    3.1.1 of the survey.

    Differs from the paper: the paper also unties the kernels' biases; here they share one for each filter, as
    in Keras. Its square-root pooling is `LpPooling1D(p=2)`.

    Args:
        filters: Number of filters of each kernel, and channels of the output.
        kernel_size: Length of the kernels, an integer.
        strides: Step of the kernels, an integer. Defaults to 1.
        padding: `"valid"`, `"same"`, or `"causal"`, as in Keras. Defaults to `"valid"`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras' global setting.
        dilation_rate: Spacing of the kernels' entries, an integer; more than 1 only with `strides=1`, as in
            Keras. Defaults to 1.
        groups: Groups of channels that are convolved separately, a divisor of `filters` and of the input's
            channels. Defaults to 1.
        activation: Activation of the output, or None.
        use_bias: Whether to add a bias, one value for each filter. Defaults to True.
        kernel_initializer: For each kernel by itself, with a seed of its own; the first kernel's are those of
            `keras.layers.Conv1D`. Defaults to Glorot uniform.
        bias_initializer: For the bias. Defaults to zeros.
        kernel_regularizer: For all kernels together, or None.
        bias_regularizer: For the bias, or None.
        activity_regularizer: For the output, or None.
        kernel_constraint: For the tensor of all kernels, or None.
        bias_constraint: For the bias, or None.
        tile_size: Kernels along each axis, at least 1. Defaults to 2.
        **kwargs: `name`, `dtype`, ...

    Call arguments:
        inputs: A floating-point tensor.

    Input shape:
        `(batch, steps, channels)`, or `(batch, channels, steps)` for channels_first.

    Output shape:
        `(batch, new_steps, filters)`, or `(batch, filters, new_steps)`, as of `keras.layers.Conv1D`.

    Raises:
        ValueError: for an argument outside its range, strides with dilation, or an input of a rank other than
            3, smaller than the kernel, or with channels that `groups` does not divide.

    >>> layer = TiledConv1D(4, kernel_size=3, padding="same", tile_size=2)
    >>> print(layer(np.ones((1, 9, 2))).shape)
    (1, 9, 4)
    >>> print(layer.kernel.shape)
    (2, 3, 2, 4)
    """

    rank = 1


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class TiledConv2D(BaseTiledConv):
    """2D convolution with `tile_size x tile_size` untied kernels that take turns.

    `y[i, j] = activation(bias + sum_st kernel[i % tile_size, j % tile_size, s, t] . x[...])`, with the inputs
    of a convolution, so that weights are shared only between positions `tile_size` apart. Neighbouring
    outputs may then learn unlike features, and pooling over them invariances beyond translation, such as
    rotation and scale. `tile_size=1` is `keras.layers.Conv2D`.

    Reference: Le, Ngiam, Chen, Chia, Koh, Ng, 2010, "Tiled Convolutional Neural Networks", NIPS; section
    3.1.1 of the survey.

    Differs from the paper: the paper also unties the kernels' biases; here they share one for each filter, as
    in Keras. Its square-root pooling is `LpPooling2D(p=2)`.

    Args:
        filters: Number of filters of each kernel, and channels of the output.
        kernel_size: Height and width of the kernels, an integer or two.
        strides: Step of the kernels, an integer or two. Defaults to 1.
        padding: `"valid"` or `"same"`. Defaults to `"valid"`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras' global setting.
        dilation_rate: Spacing of the kernels' entries, an integer or two; more than 1 only with `strides=1`,
            as in Keras. Defaults to 1.
        groups: Groups of channels that are convolved separately, a divisor of `filters` and of the input's
            channels. Defaults to 1.
        activation: Activation of the output, or None.
        use_bias: Whether to add a bias, one value for each filter. Defaults to True.
        kernel_initializer: For each kernel by itself, with a seed of its own; the first kernel's are those of
            `keras.layers.Conv2D`. Defaults to Glorot uniform.
        bias_initializer: For the bias. Defaults to zeros.
        kernel_regularizer: For all kernels together, or None.
        bias_regularizer: For the bias, or None.
        activity_regularizer: For the output, or None.
        kernel_constraint: For the tensor of all kernels, or None.
        bias_constraint: For the bias, or None.
        tile_size: Kernels along each axis, at least 1. Defaults to 2.
        **kwargs: `name`, `dtype`, ...

    Call arguments:
        inputs: A floating-point tensor.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` for channels_first.

    Output shape:
        `(batch, new_height, new_width, filters)`, or `(batch, filters, new_height, new_width)`, as of
        `keras.layers.Conv2D`.

    Raises:
        ValueError: for an argument outside its range, strides with dilation, or an input of a rank other than
            4, smaller than the kernel, or with channels that `groups` does not divide.

    >>> layer = TiledConv2D(4, kernel_size=3, padding="same", tile_size=2)
    >>> print(layer(np.ones((1, 9, 9, 2))).shape)
    (1, 9, 9, 4)
    >>> print(layer.kernel.shape)
    (2, 2, 3, 3, 2, 4)
    """

    rank = 2
