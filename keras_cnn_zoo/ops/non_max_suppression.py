"""Greedy and soft non-maximum suppression in fixed shapes."""

from keras import ops

from keras_cnn_zoo.ops import boxes as box_ops

# Below every score. Not -infinity, because onnxruntime returns a finite maximum of only -infinity.
NOTHING = -1e30


def non_max_suppression(
    boxes, scores, classes, max_output_size, *, iou_threshold, score_threshold, soft_sigma=None
):
    """Picks the best boxes one after another, and suppresses the boxes that overlap each picked one.

    It takes `max_output_size` steps, each with a maximum over all boxes. The result is exactly the greedy
    one, without a matrix of all pairs. Boxes of different classes do not suppress each other.

    Args:
        boxes: tensor (batch, n, 4), "xyxy".
        scores: tensor (batch, n), at least float32.
        classes: integer tensor (batch, n), or None if all boxes have the same class.
        max_output_size: number of picks, an integer.
        iou_threshold: a box that overlaps a picked one by more than this is suppressed. Not used with
            `soft_sigma`.
        score_threshold: boxes are picked only above this score, which is far above -1e30.
        soft_sigma: None, or the sigma of soft suppression: scores are multiplied by `exp(-iou^2 / sigma)`
            instead (Bodla et al., 2017).

    Returns:
        `(indices, scores, valid)`, each (batch, max_output_size): the indices of the boxes by descending
        score, their scores when picked, and whether a box was left to pick. Only the scores have a gradient.
        A box whose score is NaN is never picked. One with a NaN coordinate suppresses nothing.
    """
    count = ops.shape(boxes)[1]
    broken = ops.any(ops.not_equal(boxes, boxes), axis=-1, keepdims=True)
    boxes = ops.where(broken, ops.zeros_like(boxes), boxes)
    fixed_boxes, fixed_scores = ops.stop_gradient(boxes), ops.stop_gradient(scores)
    coordinates = box_ops.split(fixed_boxes)
    positions = ops.expand_dims(ops.arange(count, dtype="int32"), 0)
    slots = ops.expand_dims(ops.arange(max_output_size, dtype="int32"), 0)
    nothing = ops.full_like(fixed_scores, NOTHING)
    left = ops.where(fixed_scores > score_threshold, fixed_scores, nothing)
    # Tensors of shape (batch, max_output_size), made without the batch size, which may be unknown.
    first = ops.zeros_like(fixed_scores[:, :1])
    picked = ops.cast(first, "int32") + ops.zeros_like(slots)
    best = first + ops.cast(ops.zeros_like(slots), fixed_scores.dtype) + NOTHING

    def step(number, state):
        left, picked, best = state
        # Not `argmax`: on TensorFlow Keras handles -0.0 with bit operations that ONNX does not have.
        highest = ops.max(left, axis=1, keepdims=True)
        index = ops.where(left >= highest, positions, positions + count)
        index = ops.min(index, axis=1, keepdims=True)
        here = slots == ops.cast(number, "int32")
        best = ops.where(here, highest, best)
        picked = ops.where(here, index, picked)
        iou = box_ops.divide(
            *box_ops.intersection_and_union(box_ops.split(box_ops.take_rows(fixed_boxes, index)), coordinates)
        )
        same_class = None if classes is None else classes == box_ops.take_rows(classes, index)
        if soft_sigma is None:
            suppressed = iou > iou_threshold
            suppressed = suppressed if same_class is None else ops.logical_and(suppressed, same_class)
        else:
            factor = ops.exp(-ops.square(iou) / soft_sigma)
            factor = factor if same_class is None else ops.where(same_class, factor, ops.ones_like(factor))
            suppressed = left * factor <= score_threshold
            left = ops.where(suppressed, nothing, left * factor)
        suppressed = ops.logical_or(suppressed, positions == index)
        return ops.where(suppressed, nothing, left), picked, best

    _, picked, best = ops.fori_loop(0, max_output_size, step, (left, picked, best))
    valid = best > score_threshold
    chosen = box_ops.take_rows(scores, picked)
    if soft_sigma is not None:
        chosen = chosen * _decay(boxes, classes, picked, soft_sigma)
    return picked, ops.where(valid, chosen, ops.zeros_like(chosen)), valid


def _decay(boxes, classes, picked, sigma):
    """Returns each picked box's factor from earlier picks: the loop's, in a differentiable form."""
    chosen = box_ops.take_rows(boxes, picked)
    overlap = ops.square(box_ops.pairwise_iou(chosen, chosen)) / sigma
    order = ops.arange(picked.shape[1], dtype="int32")
    before = ops.expand_dims(order, 0) < ops.expand_dims(order, 1)
    if classes is not None:
        kinds = box_ops.take_rows(classes, picked)
        before = ops.logical_and(before, ops.expand_dims(kinds, 1) == ops.expand_dims(kinds, 2))
    return ops.exp(-ops.sum(ops.where(before, overlap, ops.zeros_like(overlap)), axis=-1))
