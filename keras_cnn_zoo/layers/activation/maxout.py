"""Maxout over groups of channels."""

import keras

from keras_cnn_zoo.ops.pieces import largest, reduced_shape, unstack_pieces
from keras_cnn_zoo.utils import docstrings, validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class Maxout(keras.layers.Layer):
    """Maximum over groups of `pieces` neighboring channels.

    `y[..., k] = max(x[..., k * pieces], ..., x[..., (k + 1) * pieces - 1])`: after a convolution or dense
    layer with `pieces` times as many filters, it learns a convex, piecewise linear activation. It has no
    weights and was designed for use with dropout. The gradient flows only to the maximum of each group; ties
    go to the first entry.

    Reference: Goodfellow, Warde-Farley, Mirza, Courville, Bengio, 2013, "Maxout Networks", arXiv 1302.4389;
    section 3.3.6 of the survey.

    Args:
        pieces: Channels per group, a positive integer that divides the number of channels. TensorFlow Addons'
            `Maxout` took the number of groups instead.
        axis: Axis of the channels, 1 for channels_first. Defaults to -1.
        {kwargs}

    Call arguments:
        inputs: A tensor.

    Input shape:
        `(batch, ..., channels)`, the channels at `axis`.

    Output shape:
        Same as the input, with `channels / pieces` channels.

    Raises:
        ValueError: for `pieces` below 1, or channels that are unknown or not a multiple of `pieces`.

    >>> layer = Maxout(pieces=2)
    >>> [float(value) for value in layer(np.array([[1.0, 5.0, -3.0, -2.0]]))[0]]
    [5.0, -2.0]
    """

    receptive_steps = "pointwise"
    reduces_channels = True

    def __init__(self, pieces, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.pieces = validation.positive_integer("pieces", pieces)
        self.axis = validation.integer("axis", axis)

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs):
        return largest(unstack_pieces(inputs, self.pieces, self.axis))

    def compute_output_shape(self, input_shape):
        return reduced_shape(input_shape, self.pieces, self.axis)

    def get_config(self):
        return {**super().get_config(), "pieces": self.pieces, "axis": self.axis}
