"""Euclidean norms whose squares neither overflow nor underflow, with a finite gradient at zero.

Guards compare with `<= 0`, which is false for NaN, so that NaN stays NaN. They look at the sum of squares,
because the maximum under XLA on TensorFlow passes over NaN.
"""

from keras import ops

from keras_cnn_zoo.utils.dtypes import at_least_float32


def l2_norm(inputs, axis=-1, *, keepdims=False):
    """Returns the Euclidean norm over one axis in at least float32; its gradient at zero is zero.

    Args:
        inputs: Floating-point tensor.
        axis: The axis. Defaults to the last.
        keepdims: Whether to keep the axis with a length of 1. Defaults to False.
    """
    _, length, scale = _parts(inputs, axis)
    norm = length * scale
    return norm if keepdims else ops.squeeze(norm, axis=axis)


def l2_normalize(inputs, axis=-1):
    """Divides vectors along one axis by their norm, in at least float32.

    A zero vector stays zero and gets no gradient.

    Args:
        inputs: Floating-point tensor.
        axis: The axis. Defaults to the last.
    """
    ratio, length, _ = _parts(inputs, axis)
    zero = length <= 0
    return ops.where(zero, ops.zeros_like(ratio), ratio / ops.where(zero, ops.ones_like(length), length))


def _parts(inputs, axis):
    """Returns vectors divided by their largest magnitude, the norms of these, and the magnitudes.

    The magnitude of a zero vector counts as 1. Neither a vector's direction nor the product of norm and
    divisor depends on the divisor, so the divisor needs no gradient.
    """
    wide = ops.cast(inputs, at_least_float32(inputs.dtype))
    largest = ops.stop_gradient(ops.max(ops.abs(wide), axis=axis, keepdims=True))
    scale = ops.where(largest <= 0, ops.ones_like(largest), largest)
    ratio = wide / scale
    squares = ops.sum(ops.square(ratio), axis=axis, keepdims=True)
    zero = squares <= 0
    length = ops.sqrt(ops.where(zero, ops.ones_like(squares), squares))
    return ratio, ops.where(zero, ops.zeros_like(length), length), scale
