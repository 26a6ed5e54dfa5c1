"""Cumulative counts along an axis, and counts to divide by."""

import math

import numpy as np
from keras import ops


def counts_so_far(flags, block=512):
    """Counts the ones up to and including each position: the cumulative sum of zeros and ones.

    Each block is summed by a product with a triangular matrix. XLA's cumulative sum of a whole row takes time
    that grows with the square of its length on a CPU.

    Args:
        flags: Zeros and ones in a floating-point dtype, `(..., n)`.
        block: Positions per block, best near the square root of `n`. Defaults to 512.

    Returns:
        Counts of the shape and dtype of `flags`.
    """
    shape = ops.shape(flags)
    places = shape[-1]
    number = math.prod(shape[:-1])
    rows = ops.reshape(flags, (number, places))
    blocks = (places + block - 1) // block
    missing = ops.zeros((number, blocks * block - places), dtype=flags.dtype)
    parts = ops.reshape(ops.concatenate([rows, missing], axis=-1), (number, blocks, block))
    triangle = ops.convert_to_tensor(np.triu(np.ones((block, block))), dtype=flags.dtype)
    within = ops.cast(ops.matmul(parts, triangle), flags.dtype)
    totals = within[..., -1]
    before = ops.cast(ops.cumsum(totals, axis=-1), flags.dtype) - totals
    counts = ops.reshape(within + before[..., None], (number, blocks * block))[:, :places]
    return ops.reshape(counts, shape)


def at_least_one(counts):
    """Replaces counts below 1 with 1. Unlike `keras.ops.maximum` on PyTorch, it keeps float64."""
    return ops.where(counts > 1, counts, ops.ones_like(counts))
