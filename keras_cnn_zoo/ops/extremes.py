"""Maxima and minima for NaN and integers."""

from keras import ops


def keep_nan(values, source, axis=-1):
    """Returns `values`, or NaN where `source` has NaN along an axis.

    Compiled by XLA on TensorFlow, a maximum or minimum passes over NaN, and a product with a mask becomes a
    selection.

    Args:
        values: Floating-point tensor, reduced from `source`.
        source: Floating-point tensor with one axis more, without infinities of both signs along it.
        axis: The axis. Defaults to the last.
    """
    total = ops.stop_gradient(ops.sum(source, axis=axis))
    return ops.where(ops.isnan(total), total, values)


def at_least_zero(integers):
    """Returns integers, or 0 where they are negative.

    TensorFlow turns a maximum with 0 into a ReLU, which LiteRT does not have for integers.
    """
    return ops.where(integers < 0, ops.zeros_like(integers), integers)
