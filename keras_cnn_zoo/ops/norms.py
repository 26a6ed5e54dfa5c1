"""Euclidean norms whose squares neither overflow nor vanish, with a finite gradient at zero."""

from keras import ops

from keras_cnn_zoo.utils.dtypes import at_least_float32


def l2_norm(inputs, axis=-1, *, keepdims=False):
    """Euclidean norm over one axis, in at least float32; its gradient at zero is zero.

    Args:
        inputs: Floating-point tensor.
        axis: The axis. Defaults to the last.
        keepdims: Whether the axis stays, with a length of 1. Defaults to False.
    """
    _, length, scale = _parts(inputs, axis)
    norm = length * scale
    return norm if keepdims else ops.squeeze(norm, axis=axis)


def l2_normalize(inputs, axis=-1):
    """Vectors along one axis divided by their norm, in at least float32.

    A vector of zeros stays one, and gets no gradient.

    Args:
        inputs: Floating-point tensor.
        axis: The axis. Defaults to the last.
    """
    ratio, length, _ = _parts(inputs, axis)
    some = length > 0
    return ops.where(some, ratio / ops.where(some, length, ops.ones_like(length)), ops.zeros_like(ratio))


def _parts(inputs, axis):
    """Vectors over their largest entry, the norm of that, and the largest entry (1 where all are zero).

    A vector's direction does not depend on what it is divided by, and neither does the product of norm and
    divisor, so the divisor needs no gradient.
    """
    wide = ops.cast(inputs, at_least_float32(inputs.dtype))
    largest = ops.stop_gradient(ops.max(ops.abs(wide), axis=axis, keepdims=True))
    some = largest > 0
    scale = ops.where(some, largest, ops.ones_like(largest))
    ratio = wide / scale
    squares = ops.sum(ops.square(ratio), axis=axis, keepdims=True)
    length = ops.sqrt(ops.where(some, squares, ops.ones_like(squares)))
    return ratio, ops.where(some, length, ops.zeros_like(length)), scale
