"""Greedy and soft non-maximum suppression in fixed shapes."""

from keras import ops

from keras_cnn_zoo.ops import boxes as box_ops

# Below every score. Not infinity: the maximum of nothing but that is finite in onnxruntime.
NOTHING = -1e30


def non_max_suppression(
    boxes, scores, classes, max_output_size, *, iou_threshold, score_threshold, soft_sigma=None
):
    """Picks the best boxes one after the other, each time putting down what overlaps the picked one.

    `max_output_size` steps of a maximum over all boxes: work in proportion to their product, no matrix of all
    pairs, and the exact greedy result. Boxes of different classes do not meet.

    Args:
        boxes: tensor (batch, n, 4), "xyxy".
        scores: tensor (batch, n), at least float32.
        classes: integer tensor (batch, n), or None where all are of one class.
        max_output_size: number of picks, an integer.
        iou_threshold: a box that overlaps a picked one by more than this is put down. Not used where
            `soft_sigma` is given.
        score_threshold: boxes count above this score only, which is far above -1e30.
        soft_sigma: None, or the sigma of soft suppression: scores are multiplied by `exp(-iou^2 / sigma)`
            instead (Bodla et al., 2017).

    Returns:
        `(indices, scores, valid)`, each (batch, max_output_size): which boxes, in falling order of what their
        score was when picked, that score, and whether there was one. Scores have a gradient, indices none.
    """
    count = ops.shape(boxes)[1]
    fixed_boxes, fixed_scores = ops.stop_gradient(boxes), ops.stop_gradient(scores)
    coordinates = box_ops.split(fixed_boxes)
    positions = ops.expand_dims(ops.arange(count, dtype="int32"), 0)
    slots = ops.expand_dims(ops.arange(max_output_size, dtype="int32"), 0)
    nothing = ops.full_like(fixed_scores, NOTHING)
    left = ops.where(fixed_scores > score_threshold, fixed_scores, nothing)
    # Tensors of shape (batch, max_output_size) without asking for the batch, which may be unknown.
    first = ops.zeros_like(fixed_scores[:, :1])
    picked = ops.cast(first, "int32") + ops.zeros_like(slots)
    best = first + ops.cast(ops.zeros_like(slots), fixed_scores.dtype) + NOTHING

    def step(number, state):
        left, picked, best = state
        # Not `argmax`: for the sake of -0.0, Keras' takes bits on TensorFlow that ONNX does not have.
        highest = ops.max(left, axis=1, keepdims=True)
        index = ops.where(left >= highest, positions, positions + count)
        index = ops.min(index, axis=1, keepdims=True)
        here = slots == ops.cast(number, "int32")
        best = ops.where(here, highest, best)
        picked = ops.where(here, index, picked)
        iou = box_ops.divide(
            *box_ops.intersection_and_union(box_ops.split(box_ops.take_rows(fixed_boxes, index)), coordinates)
        )
        meets = None if classes is None else classes == box_ops.take_rows(classes, index)
        if soft_sigma is None:
            put_down = iou > iou_threshold
            put_down = put_down if meets is None else ops.logical_and(put_down, meets)
        else:
            factor = ops.exp(-ops.square(iou) / soft_sigma)
            factor = factor if meets is None else ops.where(meets, factor, ops.ones_like(factor))
            put_down = left * factor <= score_threshold
            left = ops.where(put_down, nothing, left * factor)
        put_down = ops.logical_or(put_down, positions == index)
        return ops.where(put_down, nothing, left), picked, best

    _, picked, best = ops.fori_loop(0, max_output_size, step, (left, picked, best))
    valid = best > score_threshold
    chosen = box_ops.take_rows(scores, picked)
    if soft_sigma is not None:
        chosen = chosen * _decay(boxes, classes, picked, soft_sigma)
    return picked, ops.where(valid, chosen, ops.zeros_like(chosen)), valid


def _decay(boxes, classes, picked, sigma):
    """The factor of each picked box from those picked before it: the loop's, in a form with a gradient."""
    chosen = box_ops.take_rows(boxes, picked)
    overlap = ops.square(box_ops.pairwise_iou(chosen, chosen)) / sigma
    order = ops.arange(picked.shape[1], dtype="int32")
    before = ops.expand_dims(order, 0) < ops.expand_dims(order, 1)
    if classes is not None:
        kinds = box_ops.take_rows(classes, picked)
        before = ops.logical_and(before, ops.expand_dims(kinds, 1) == ops.expand_dims(kinds, 2))
    return ops.exp(-ops.sum(ops.where(before, overlap, ops.zeros_like(overlap)), axis=-1))
