"""Statistics that keep the precision of their input."""

import math

from keras import ops

from keras_cnn_zoo.utils.dtypes import at_least_float32


def mean(inputs, axis, *, keepdims=False):
    """Returns the mean over axes, computed in at least float32.

    `keras.ops.mean` computes float64 in float32 on JAX and PyTorch.

    Args:
        inputs: Floating-point tensor.
        axis: Tuple of axes.
        keepdims: Whether to keep the axes with a length of 1.
    """
    wide = ops.cast(inputs, at_least_float32(inputs.dtype))
    shape = ops.shape(inputs)
    count = math.prod(shape[position] for position in axis)
    if not isinstance(count, int):
        count = ops.cast(count, wide.dtype)
    return ops.sum(wide, axis=axis, keepdims=keepdims) / count
