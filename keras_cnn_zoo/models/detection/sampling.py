"""A fixed number of examples per image, drawn from those that match and from background."""

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.ops import boxes as box_ops


def draw_keys(count, seed_generator):
    """Returns numbers in [0, 1) that decide which candidates are drawn, (1, count).

    Args:
        count: number of candidates.
        seed_generator: a `keras.random.SeedGenerator`, or None for fixed numbers without a pattern along the
            candidates, so that evaluation is deterministic.
    """
    if seed_generator is not None:
        return keras.random.uniform((1, count), seed=seed_generator)
    positions = np.arange(count, dtype="float64") * ((5**0.5 - 1) / 2)
    return ops.convert_to_tensor((positions % 1.0).astype("float32")[None])


def draw(is_positive, is_negative, keys, *, total, max_positive):
    """Draws at most `max_positive` positives, and negatives up to `total`: those with the largest keys.

    keys (1, n) → the k-th largest key of the candidates, by `top_k` → masks of the keys above it (batch, n).

    Args:
        is_positive: boolean tensor (batch, n).
        is_negative: boolean tensor (batch, n).
        keys: random numbers in [0, 1) that broadcast to (batch, n).
        total: number of candidates to draw.
        max_positive: largest number of positives among them.

    Returns:
        Two boolean tensors (batch, n).
    """
    nothing = ops.cast(is_positive, keys.dtype) * 0 - 1
    count = is_positive.shape[1]
    keyed = ops.where(is_positive, keys, nothing)
    threshold = ops.top_k(keyed, k=min(max_positive, count))[0][:, -1:]
    positives = ops.logical_and(is_positive, keys >= threshold)
    keyed = ops.where(is_negative, keys, nothing)
    ranked = ops.top_k(keyed, k=min(total, count))[0]
    wanted = total - ops.sum(ops.cast(positives, "int32"), axis=1, keepdims=True)
    place = ops.clip(wanted - 1, 0, ranked.shape[1] - 1)
    threshold = box_ops.take_rows(ranked, place)
    negatives = ops.logical_and(is_negative, keys >= threshold)
    return positives, ops.logical_and(negatives, wanted > 0)


def take_drawn(positives, negatives, keys, total):
    """Returns indices (batch, total) of the candidates that were drawn, positives first, and which are."""
    order = ops.cast(positives, keys.dtype) * 2 + ops.cast(negatives, keys.dtype) - 1
    values, indices = ops.top_k(order, k=total)
    return ops.cast(indices, "int32"), values >= 0


def mean_over(values, weights):
    """Returns the mean per image of `values` (batch, n) weighted by `weights` (batch, n), or 0."""
    count = ops.sum(weights, axis=1)
    return ops.sum(values * weights, axis=1) / ops.maximum(count, 1.0)
