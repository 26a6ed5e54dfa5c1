"""Residual block of WaveNet."""

import keras
from keras import ops

from keras_cnn_zoo.layers.convolution.dilated_conv import Conv1D
from keras_cnn_zoo.layers.convolution.gated_conv import GatedConv1D
from keras_cnn_zoo.layers.slots import CompositeLayer
from keras_cnn_zoo.utils import docstrings, initialization, validation


def _tanh(x):
    """Returns the hyperbolic tangent; Keras computes float64 in float32 on JAX."""
    if keras.backend.standardize_dtype(x.dtype) == "float64":
        return 2 * ops.sigmoid(2 * x) - 1
    return ops.tanh(x)


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class WaveNetBlock1D(CompositeLayer):
    """Gated causal dilated convolution with a residual and a skip output.

    `z = tanh(filter * x) * sigmoid(gate * x)`, two causal convolutions with `filters` filters and
    `kernel_size` taps, `dilation_rate` steps apart. Without `skip_filters`, one pointwise convolution gives
    `skip = bias + kernel . z` and `residual = x + skip`, as in the paper's figure 4. With `skip_filters`,
    each output has a separate pointwise convolution, as in most implementations, and `skip` has
    `skip_filters` channels.

    The residual output is the input of the next block. The sum of the skip outputs of all blocks gives the
    prediction. A stack with rates 1, 2, 4, ..., 512 and kernels of 2 taps has a receptive field of 1024
    steps.

    Reference: van den Oord, Dieleman, Zen, Simonyan, Vinyals, Graves, Kalchbrenner, Senior, Kavukcuoglu,
    2016, "WaveNet: A Generative Model for Raw Audio", arXiv 1609.03499, equation 2 and figure 4.

    Differs from the paper: no conditioning on other inputs (its equation 3).

    Args:
        filters: Filters of all convolutions except the skip convolution, equal to the input's channels.
        kernel_size: Taps of the gated convolution, an integer; the paper's figures show 2.
        dilation_rate: Steps between the taps, an integer. Defaults to 1.
        skip_filters: Channels of the skip output, which then has separate weights, or None for one pointwise
            convolution that both outputs share. Defaults to None.
        {data_format}
        use_bias: Whether all convolutions have biases. Defaults to True.
        kernel_initializer: For all kernels, each with its own seed. Defaults to Glorot uniform.
        kernel_regularizer: For all kernels, or None.
        {kwargs}

    Call arguments:
        {inputs}

    Input shape:
        `(batch, steps, filters)`, or `(batch, filters, steps)` for channels_first; steps may be unknown.

    Output shape:
        A tuple: residual, same as the input, and skip, `(batch, steps, skip_filters or filters)`, or with the
        channels first.

    Raises:
        ValueError: for an argument outside its range, an input of a rank other than 3, or with channels other
            than `filters`.

    >>> layer = WaveNetBlock1D(4, kernel_size=2, dilation_rate=8, skip_filters=16)
    >>> residual, skip = layer(np.ones((1, 32, 4)))
    >>> print(residual.shape, skip.shape)
    (1, 32, 4) (1, 32, 16)
    """

    def __init__(
        self,
        filters,
        kernel_size,
        *,
        dilation_rate=1,
        skip_filters=None,
        data_format=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        kernel_regularizer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = validation.positive_integer("filters", filters)
        self.kernel_size = validation.positive_integers("kernel_size", kernel_size, 1)
        self.dilation_rate = validation.positive_integers("dilation_rate", dilation_rate, 1)
        self.skip_filters = validation.positive_integer("skip_filters", skip_filters, optional=True)
        self.data_format = validation.data_format("data_format", data_format)
        self.use_bias = validation.boolean("use_bias", use_bias)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)

        common = {
            "data_format": self.data_format,
            "use_bias": self.use_bias,
            "kernel_regularizer": self.kernel_regularizer,
            "dtype": self.dtype_policy,
        }
        self.gated = GatedConv1D(
            self.filters,
            self.kernel_size,
            dilation_rate=self.dilation_rate,
            activation=_tanh,
            kernel_initializer=self.kernel_initializer,
            **common,
            name="gated",
        )

        def pointwise(filters, name, index):
            initializer = initialization.reseeded(self.kernel_initializer, index)
            return Conv1D(filters, 1, kernel_initializer=initializer, **common, name=name)

        # The gated convolution takes the first two seeds.
        self.residual = pointwise(self.filters, "residual", 2)
        self.skip = None if skip_filters is None else pointwise(self.skip_filters, "skip", 3)

    def build_parts(self, input_shape):
        input_shape = tuple(input_shape)
        if len(input_shape) != 3:
            raise ValueError(f"`WaveNetBlock1D` takes inputs of rank 3. Received: input_shape={input_shape}")
        if input_shape[self._channel_axis] != self.filters:
            raise ValueError(
                "`filters` must equal the channels of the input, which is added to the residual. "
                f"Received: filters={self.filters}, input_shape={input_shape}"
            )
        self.gated.build(input_shape)
        self.residual.build(input_shape)
        if self.skip is not None:
            self.skip.build(input_shape)

    def call(self, inputs):
        gated = self.gated(inputs)
        residual = self.residual(gated)
        return inputs + residual, residual if self.skip is None else self.skip(gated)

    def compute_output_shape(self, input_shape):
        skip = list(input_shape)
        skip[self._channel_axis] = self.skip_filters or self.filters
        return tuple(input_shape), tuple(skip)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "dilation_rate": self.dilation_rate,
            "skip_filters": self.skip_filters,
            "data_format": self.data_format,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }
