"""Softmax cross-entropy of cosines with a margin for the true class, shared by several losses."""

from keras import ops

from keras_cnn_zoo.losses.class_scores import class_scores


def margin_cross_entropy(y_true, y_pred, scale, margined):
    """Returns the cross-entropy of `scale * cosine`, with `margined(cosine)` for the true class.

    Args:
        y_true: Class ids, `(batch,)` or `(batch, 1)`; further axes as in `y_pred`. Entries of -1 cost 0.
        y_pred: Cosines, `(batch, ..., classes)`.
        scale: Factor of the cosines.
        margined: Function of the true class's cosines, `(batch, ...)`, in at least float32.

    Returns:
        The loss of each example, `(batch, ...)`, in at least float32.

    Raises:
        ValueError: for incompatible shapes, fewer than two classes, or labels outside of the classes.
    """
    labels, cosines = class_scores(y_true, y_pred)
    own = ops.equal(labels.ids[..., None], ops.arange(cosines.shape[-1], dtype="int32"))
    target = margined(ops.sum(ops.where(own, cosines, ops.zeros_like(cosines)), axis=-1))
    logits = scale * ops.where(own, target[..., None], cosines)
    return labels.mark(ops.logsumexp(logits, axis=-1) - scale * target)
