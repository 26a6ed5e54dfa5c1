"""Squeeze-and-excitation: each channel weighed by the whole map."""

import keras
from keras import ops

from keras_cnn_zoo.layers.slots import CompositeLayer
from keras_cnn_zoo.ops import statistics
from keras_cnn_zoo.utils import validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class SqueezeExcitation(CompositeLayer):
    """Scales every channel by a gate computed from the means of all channels.

    `y = x * sigmoid(expand(activation(reduce(mean(x)))))`, the mean over height and width, `reduce` a dense
    layer to `channels // ratio` units and `expand` one back to `channels`. At the end of a residual branch
    it costs few operations and usually pays in accuracy.

    Reference: Hu, Shen, Sun, 2018, "Squeeze-and-Excitation Networks", arXiv 1709.01507.

    Args:
        ratio: Reduction of the channels in between, a positive integer; at least one unit is kept. Defaults
            to 16, the paper's choice.
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
        As the input.

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
    """The output of a `Dense` layer; its own matrix product is float32 for float64 on PyTorch."""
    if layer.quantization_mode is not None:
        # A quantized kernel holds integers, which only the layer can read.
        return layer(inputs)
    return layer.activation(ops.einsum("ni,io->no", inputs, layer.kernel) + layer.bias)
