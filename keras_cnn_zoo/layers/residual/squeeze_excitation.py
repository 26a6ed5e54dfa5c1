"""Squeeze-and-excitation."""

import keras
from keras import ops

from keras_cnn_zoo.layers.slots import CompositeLayer
from keras_cnn_zoo.ops import statistics
from keras_cnn_zoo.utils import validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class SqueezeExcitation(CompositeLayer):
    """Channel gates computed from the means of all channels.

    `y = x * sigmoid(expand(activation(reduce(mean(x)))))`, where the mean is over height and width, `reduce`
    is a dense layer with `channels // ratio` units, and `expand` is one with `channels` units. It is usually
    the last layer of a residual branch, and adds few operations.

    As in Keras' average pooling, a mean overflows if the sum does: in float32, from 3e38 divided by the
    number of entries.

    Reference: Hu, Shen, Sun, 2018, "Squeeze-and-Excitation Networks", arXiv 1709.01507.

    Args:
        ratio: Factor by which `reduce` shrinks the channels, a positive integer; at least one unit is kept.
            Defaults to 16, as in the paper.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras' global setting.
        activation: Activation between the two dense layers. Defaults to `"relu"`.
        kernel_initializer: For both kernels, each with its own seed. Defaults to He normal.
        **kwargs: `name`, `dtype`, ...

    Call arguments:
        inputs: A floating-point tensor.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` for channels_first; height
        and width may be unknown.

    Output shape:
        Same as the input.

    Raises:
        ValueError: for an argument outside its range, or an input of a rank other than 4 or with an unknown
            number of channels.

    >>> layer = SqueezeExcitation(ratio=4)
    >>> print(layer(np.ones((2, 8, 8, 16), "float32")).shape)
    (2, 8, 8, 16)
    """

    receptive_steps = "everything"

    def __init__(
        self, ratio=16, data_format=None, *, activation="relu", kernel_initializer="he_normal", **kwargs
    ):
        super().__init__(**kwargs)
        self.ratio = validation.positive_integer("ratio", ratio)
        self.data_format = validation.data_format("data_format", data_format)
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build_parts(self, input_shape):
        if len(input_shape) != 4:
            raise ValueError(
                f"`SqueezeExcitation` takes inputs of rank 4. Received: input_shape={tuple(input_shape)}"
            )
        channels = input_shape[self._channel_axis]
        if channels is None:
            raise ValueError(
                f"The number of channels must be known. Received: input_shape={tuple(input_shape)}"
            )

        def dense(units, activation, name):
            initializer = self._initializer()
            return keras.layers.Dense(
                units, activation, kernel_initializer=initializer, dtype=self.dtype_policy, name=name
            )

        self.reduce = dense(max(1, channels // self.ratio), self.activation, "reduce")
        self.expand = dense(channels, "sigmoid", "expand")
        self.reduce.build((None, channels))
        self.expand.build((None, self.reduce.units))

    def call(self, inputs):
        means = ops.cast(statistics.mean(inputs, self._space), self.compute_dtype)
        gate = _dense(self.expand, _dense(self.reduce, means))
        return inputs * ops.expand_dims(gate, self._space)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "ratio": self.ratio,
            "data_format": self.data_format,
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


def _dense(layer, inputs):
    """Returns the output of a `Dense` layer, also in float64, for which Keras uses float32 on PyTorch."""
    if layer.compute_dtype != "float64" or layer.quantization_mode is not None:
        # A quantized kernel contains integers, which only the layer can decode. `initializers.lsuv` needs to
        # see the calls.
        return layer(inputs)
    return layer.activation(ops.einsum("ni,io->no", inputs, layer.kernel) + layer.bias)
