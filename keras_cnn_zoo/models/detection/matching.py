"""True boxes, and the one that is the target of each candidate box."""

from typing import Any, NamedTuple

from keras import ops

from keras_cnn_zoo.ops import boxes as box_ops


class Truth(NamedTuple):
    """The targets of a batch of images, padded to the same number of boxes.

    Args:
        boxes: float32 tensor (batch, m, 4).
        class_ids: int32 tensor (batch, m), -1 for padding.
        valid: boolean tensor (batch, m), False for padding and for empty boxes.
    """

    boxes: Any
    class_ids: Any
    valid: Any


def truth_of(y):
    """Returns the `Truth` of the targets of `fit`: a dict of `boxes` and `classes`."""
    boxes, class_ids = ops.cast(y["boxes"], "float32"), ops.cast(y["classes"], "int32")
    _, _, width, height = box_ops.centers_and_sizes(boxes)
    return Truth(boxes, class_ids, ops.logical_and(class_ids >= 0, ops.logical_and(width > 0, height > 0)))


def match(truth, candidates, *, positive, negative, keep_best):
    """Finds the true box with the largest overlap for each candidate, and whether it is an example.

    true boxes (batch, m, 4), candidates (batch, n, 4) → overlaps (batch, m, n) → maximum over the m boxes.

    Args:
        truth: a `Truth`.
        candidates: tensor (batch, n, 4).
        positive: overlap from which a candidate is an example of its box.
        negative: overlap below which it is an example of background. In between, it is not an example.
        keep_best: whether the best candidates of each box are its examples at any overlap.

    Returns:
        `(index, is_positive, is_negative)`, each (batch, n).
    """
    overlap = box_ops.pairwise_iou(truth.boxes, candidates)
    overlap = ops.where(ops.expand_dims(truth.valid, -1), overlap, -ops.ones_like(overlap))
    best = ops.max(overlap, axis=1)
    is_positive = best >= positive
    if keep_best:
        most = ops.max(overlap, axis=2, keepdims=True)
        is_best = ops.any(ops.logical_and(overlap >= most, most > 0), axis=1)
        is_positive = ops.logical_or(is_positive, is_best)
    is_negative = ops.logical_and(best < negative, ops.logical_not(is_positive))
    return ops.cast(ops.argmax(overlap, axis=1), "int32"), is_positive, is_negative
