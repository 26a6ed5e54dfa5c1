"""Convolution without shared weights in one and two dimensions, as Keras 2 had it."""

import math

import keras
from keras import ops

from keras_cnn_zoo.layers.base_convolution import BaseConvolution
from keras_cnn_zoo.ops import windows
from keras_cnn_zoo.utils import docstrings, initialization, validation


class BaseLocallyConnected(BaseConvolution):
    """Abstract locally connected layer; the rest of this docstring is in that of every rank.

    The layer and its weights are those of Keras 2 (`implementation=1`, channels_last), which Keras 3 no
    longer has: `set_weights` takes what such a layer's `get_weights` gave.

    Reference: Taigman, Yang, Ranzato, Wolf, 2014, "DeepFace: Closing the Gap to Human-Level Performance in
    Face Verification", CVPR, whose last layers are of this kind.

    Differs from Keras 2: a kernel starts with the variance of the convolution that it replaces; Keras 2 took
    all positions for one kernel, and started lower, the lower the larger the output. `padding="same"` needs
    no other implementation. With channels_first the entries of a kernel are in the order of channels_last.

    Args:
        filters: Number of filters at each position, and channels of the output.
        {kernel_size}
        {strides}
        {padding}
        {data_format}
        activation: Activation of the output, or None.
        use_bias: Whether to add a bias, one value per position and filter. Defaults to True.
        kernel_initializer: For each position's kernel `(*kernel_size, channels, filters)` by itself, with a
            seed of its own. Defaults to Glorot uniform.
        {bias_initializer}
        kernel_regularizer: For all kernels together, or None.
        bias_regularizer: For the bias, or None.
        {activity_regularizer}
        kernel_constraint: For the tensor of all kernels `(positions, prod(kernel_size) * channels, filters)`,
            or None.
        bias_constraint: For the bias `({new_axes}, filters)`, or None.
        implementation: 1, the layout of weights; Keras 2's others are refused.
        {kwargs}

    Call arguments:
        {inputs}

    Input shape:
        {maps}; its size must be known.

    Output shape:
        {convolved_maps}

    Raises:
        ValueError: for an argument outside its range, or an input of a rank other than {tensor_rank}, smaller
            than the kernel, of unknown size, or of another size than built for.
    """

    receptive_steps = "window"
    # Of the kernel's axes, the first numbers the positions.
    tile_axes = 1

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        implementation=1,
        **kwargs,
    ):
        super().__init__(
            filters,
            kernel_size,
            strides,
            padding,
            data_format,
            # Keras 2's layer takes neither.
            dilation_rate=1,
            groups=1,
            activation=activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            kernel_regularizer=kernel_regularizer,
            bias_regularizer=bias_regularizer,
            activity_regularizer=activity_regularizer,
            kernel_constraint=kernel_constraint,
            bias_constraint=bias_constraint,
            **kwargs,
        )
        # Keras 2's layouts 2 and 3 are a dense matrix over the whole map, and the non-zero part of one.
        self.implementation = validation.positive_integer("implementation", implementation)
        if self.implementation != 1:
            validation.fail("implementation", "1, which takes every padding here", implementation)

    def build(self, input_shape):
        output_shape = self.compute_output_shape(input_shape)
        channels = input_shape[self._channel_axis]
        space = tuple(output_shape[axis] for axis in self._space)
        if channels is None or None in space:
            raise ValueError(
                f"`{type(self).__name__}` has weights for every position, so the size and the channels of "
                f"the input must be known. Received: input_shape={tuple(input_shape)}"
            )
        self.kernel = self._add_kernel(
            (math.prod(space), math.prod(self.kernel_size) * channels, self.filters),
            self._initialize_kernels,
        )
        self.bias = self._add_bias((*space, self.filters))
        self.input_spec = keras.InputSpec(shape=(None, *input_shape[1:]))
        self.built = True

    def _initialize_kernels(self, shape, dtype=None):
        """Returns kernels drawn one by one, so that the fan-in is that of the convolution they replace."""
        count, entries, filters = shape
        kernel = (*self.kernel_size, entries // math.prod(self.kernel_size), filters)
        initializer = self.kernel_initializer or keras.initializers.GlorotUniform()
        return ops.reshape(initialization.untied(initializer, count, kernel, dtype), tuple(shape))

    def call(self, inputs):
        # With the positions first and the batch after them, patches and products need no transposition.
        batch_after = (*self._space, 0, self._channel_axis)
        inputs = ops.transpose(inputs, batch_after)
        axes = tuple(range(self.rank))
        inputs = windows.pad_windows(inputs, self.kernel_size, self.strides, self.padding, axes)
        patches = ops.concatenate(
            windows.window_entries(inputs, self.kernel_size, self.strides, axes), axis=-1
        )
        shape = ops.shape(patches)
        space = tuple(shape[: self.rank])
        batch, (positions, entries, _) = shape[self.rank], self.kernel.shape
        # Not `matmul`: Keras' computes float64 in float32 on PyTorch.
        outputs = ops.einsum(
            "pbe,pef->pbf",
            ops.reshape(patches, (positions, batch, entries)),
            ops.convert_to_tensor(self.kernel),
        )
        outputs = ops.reshape(outputs, (*space, batch, self.filters))
        if self.bias is not None:
            outputs = outputs + ops.expand_dims(self.bias, self.rank)
        outputs = ops.transpose(outputs, sorted(range(self.rank + 2), key=batch_after.__getitem__))
        return outputs if self.activation is None else self.activation(outputs)

    def get_config(self):
        config = super().get_config()
        # Not arguments of this layer.
        del config["dilation_rate"], config["groups"]
        return {**config, "implementation": self.implementation}


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled_from_base
class LocallyConnected1D(BaseLocallyConnected):
    """1D convolution with a kernel of its own at every position.

    `y[t] = activation(bias[t] + sum_s kernel[t, s] . x[t * strides + s])`: local like a convolution, but
    nothing is shared. For signals whose positions differ in kind, such as the bands of a spectrum. The
    weights grow with the length of the output, and the length of the input is fixed when built.

    >>> layer = LocallyConnected1D(4, kernel_size=3)
    >>> print(layer(np.ones((1, 9, 2))).shape)
    (1, 7, 4)
    >>> print(layer.kernel.shape)
    (7, 6, 4)
    """

    rank = 1


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled_from_base
class LocallyConnected2D(BaseLocallyConnected):
    """2D convolution with a kernel of its own at every position.

    `y[i, j] = activation(bias[i, j] + sum_st kernel[i, j, s, t] . x[i * strides + s, j * strides + t])`:
    local like a convolution, but nothing is shared. For images that are aligned, such as faces, where every
    place has different statistics. The weights grow with the size of the output, and the size of the input
    is fixed when built.

    >>> layer = LocallyConnected2D(4, kernel_size=3)
    >>> print(layer(np.ones((1, 9, 9, 2))).shape)
    (1, 7, 7, 4)
    >>> print(layer.kernel.shape)
    (49, 18, 4)
    """

    rank = 2
