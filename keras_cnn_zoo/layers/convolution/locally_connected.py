"""Convolution without shared weights in one and two dimensions, as in Keras 2."""

import math

import keras
from keras import ops

from keras_cnn_zoo.layers.base_convolution import BaseConvolution
from keras_cnn_zoo.ops import windows
from keras_cnn_zoo.utils import docstrings, initialization, validation


class BaseLocallyConnected(BaseConvolution):
    """Abstract locally connected layer; each rank's docstring includes the rest of this one.

    The layer and its weights are those of Keras 2 (`implementation=1`, channels_last). Keras 3 no longer has
    this layer. `set_weights` accepts the result of Keras 2's `get_weights`.

    Reference: Taigman, Yang, Ranzato, Wolf, 2014, "DeepFace: Closing the Gap to Human-Level Performance in
    Face Verification", CVPR, where the last layers are locally connected.

    Differs from Keras 2: a kernel is initialized with the variance of a convolution kernel. Keras 2 computed
    the fan-in over all positions, so its initial weights were smaller for larger outputs. `padding="same"`
    works with `implementation=1`. With channels_first, the entries of a kernel are in channels_last order.

    Args:
        filters: Number of filters at each position, and channels of the output.
        {kernel_size}
        {strides}
        {padding}
        {data_format}
        activation: Activation of the output, or None.
        use_bias: Whether to add a bias, one value per position and filter. Defaults to True.
        kernel_initializer: For the kernel of each position, `(*kernel_size, channels, filters)`, each with
            its own seed. Defaults to Glorot uniform.
        {bias_initializer}
        kernel_regularizer: For all kernels together, or None. `KernelSmoothness` sees each kernel by itself.
        bias_regularizer: For the bias, or None.
        {activity_regularizer}
        kernel_constraint: For the tensor of all kernels `(positions, prod(kernel_size) * channels, filters)`,
            or None.
        bias_constraint: For the bias `({new_axes}, filters)`, or None.
        implementation: Layout of the weights; only 1 is supported.
        {kwargs}

    Call arguments:
        {inputs}

    Input shape:
        {maps}; its size must be known.

    Output shape:
        {convolved_maps}

    Raises:
        ValueError: for an argument outside its range, or an input of a rank other than {tensor_rank}, smaller
            than the kernel, of unknown size, or of another size than in `build`.
    """

    receptive_steps = "window"

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
            # Keras 2's layer has neither.
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
        # In Keras 2, 2 and 3 are a dense matrix over the whole map, and its non-zero part.
        self.implementation = validation.positive_integer("implementation", implementation)
        if self.implementation != 1:
            validation.fail("implementation", "1, which supports every padding", implementation)

    def build(self, input_shape):
        output_shape = self.compute_output_shape(input_shape)
        channels = input_shape[self._channel_axis]
        space = tuple(output_shape[axis] for axis in self._space)
        if channels is None or None in space:
            raise ValueError(
                f"The size and the channels of the input of `{type(self).__name__}` must be known, because "
                f"it has weights per position. Received: input_shape={tuple(input_shape)}"
            )
        self.kernel = self._add_kernel(
            (math.prod(space), math.prod(self.kernel_size) * channels, self.filters),
            self._initialize_kernels,
            kernels=(math.prod(space), *self.kernel_size, channels, self.filters),
        )
        self.bias = self._add_bias((*space, self.filters))
        self.input_spec = keras.InputSpec(shape=(None, *input_shape[1:]))
        self.built = True

    def _initialize_kernels(self, shape, dtype=None):
        """Returns kernels initialized one by one, so that each has the fan-in of a convolution kernel."""
        count, entries, filters = shape
        kernel = (*self.kernel_size, entries // math.prod(self.kernel_size), filters)
        initializer = self.kernel_initializer or keras.initializers.GlorotUniform()
        return ops.reshape(initialization.untied(initializer, count, kernel, dtype), tuple(shape))

    def call(self, inputs):
        # With the positions before the batch, patches and products need no transpose.
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
        # Not `matmul`, which computes float64 in float32 in Keras on PyTorch.
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

    def lsuv_kernels(self):
        """Returns how `initializers.lsuv` scales the kernels, whose first axis is the position."""
        return [{"kernel": self.kernel, "tiles": (0,)}]

    def get_config(self):
        config = super().get_config()
        # These are not arguments of this layer.
        del config["dilation_rate"], config["groups"]
        return {**config, "implementation": self.implementation}


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled_from_base
class LocallyConnected1D(BaseLocallyConnected):
    """1D convolution with a separate kernel at every position.

    `y[t] = activation(bias[t] + sum_s kernel[t, s] . x[t * strides + s])`: local like a convolution, but
    without shared weights. Use it if positions have different meanings, such as the bands of a spectrum. The
    number of weights grows with the output length. `build` fixes the input length.

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
    """2D convolution with a separate kernel at every position.

    `y[i, j] = activation(bias[i, j] + sum_st kernel[i, j, s, t] . x[i * strides + s, j * strides + t])`:
    local like a convolution, but without shared weights. Use it for aligned images, such as faces, whose
    statistics differ from position to position. The number of weights grows with the output size. `build`
    fixes the input size.

    >>> layer = LocallyConnected2D(4, kernel_size=3)
    >>> print(layer(np.ones((1, 9, 9, 2))).shape)
    (1, 7, 7, 4)
    >>> print(layer.kernel.shape)
    (49, 18, 4)
    """

    rank = 2
