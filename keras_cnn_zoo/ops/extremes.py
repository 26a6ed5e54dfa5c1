"""Maxima and minima that keep NaN."""

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
