"""Local response normalization across channels."""

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.utils import docstrings, validation
from keras_cnn_zoo.utils.dtypes import at_least_float32


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class LocalResponseNormalization(keras.layers.Layer):
    """Division of each activation by the energy of its neighboring channels.

    `y[i] = x[i] / (bias + alpha * sum(x[j] ** 2)) ** beta`, with the sum over the existing channels `j` from
    `i - depth_radius` to `i + depth_radius`. Use it for pretrained AlexNet and networks of its time; new
    networks use `keras.layers.BatchNormalization`.

    The energy overflows in float32 for inputs above 1e18: the output is then NaN or 0.

    Reference: Krizhevsky, Sutskever, Hinton, 2012, "ImageNet Classification with Deep Convolutional Neural
    Networks" (NIPS), section 3.3, whose k, n, alpha, beta are `bias`, `2 * depth_radius + 1`, `alpha`, `beta`
    and whose values are the defaults. Caffe and PyTorch divide `alpha` by the window size, so their alpha is
    `(2 * depth_radius + 1) * alpha`.

    Args:
        depth_radius: Neighbors on each side, a non-negative integer. Defaults to 2.
        bias: Positive number added to the weighted energy; a channel of zeros stays zero. Defaults to 2.
        alpha: Non-negative weight of the energy, not divided by the window size. Defaults to 1e-4.
        beta: Non-negative exponent. Defaults to 0.75.
        {axis}
        {kwargs}

    Call arguments:
        inputs: A floating-point tensor. Squares and powers run in at least float32.

    Input shape:
        `(batch, ..., channels)`, the channels at `axis`.

    Output shape:
        Same as the input.

    Raises:
        ValueError: for an argument outside its range, or channels that are unknown.

    >>> layer = LocalResponseNormalization(depth_radius=1, bias=1.0, alpha=1.0, beta=0.5)
    >>> [round(float(value), 4) for value in layer(np.array([[1.0, 2.0, 2.0]]))[0]]
    [0.4082, 0.6325, 0.6667]
    """

    receptive_steps = "pointwise"

    def __init__(self, depth_radius=2, bias=2.0, alpha=1e-4, beta=0.75, *, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.depth_radius = validation.non_negative_integer("depth_radius", depth_radius)
        self.bias = validation.finite_number("bias", bias, above=0)
        self.alpha = validation.finite_number("alpha", alpha, minimum=0)
        self.beta = validation.finite_number("beta", beta, minimum=0)
        self.axis = validation.integer("axis", axis)
        self.supports_masking = True

    def build(self, input_shape):
        validation.channel_axis(self.axis, input_shape)
        self.built = True

    def call(self, inputs):
        dtype = at_least_float32(self.compute_dtype)
        axis = self.axis % len(inputs.shape)
        channels = inputs.shape[axis]
        position = np.arange(channels)
        band = np.abs(position[:, None] - position) <= self.depth_radius
        # The window sum is a product with a banded matrix. This is ten times faster than shifted slices on a
        # CPU and avoids the cancellation of a running sum. `c` marks the channel axis in the subscripts.
        letters = "abdefgh"[: len(inputs.shape) - 1]
        source = letters[:axis] + "c" + letters[axis:]
        energy = ops.einsum(
            f"{source},cz->{source.replace('c', 'z')}",
            ops.square(ops.cast(inputs, dtype)),
            ops.convert_to_tensor(band, dtype=dtype),
        )
        scale = ops.exp(-self.beta * ops.log(self.bias + self.alpha * energy))
        return ops.cast(ops.cast(inputs, dtype) * scale, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "depth_radius": self.depth_radius,
            "bias": self.bias,
            "alpha": self.alpha,
            "beta": self.beta,
            "axis": self.axis,
        }
