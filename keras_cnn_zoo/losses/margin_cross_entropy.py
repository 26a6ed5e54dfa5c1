"""Softmax cross-entropy of cosines with a margin for the true class, shared by several losses."""

from keras import ops

from keras_cnn_zoo.utils.dtypes import at_least_float32


def margin_cross_entropy(y_true, y_pred, scale, margined):
    """Returns the cross-entropy of `scale * cosine`, with `margined(cosine)` for the true class.

    Args:
        y_true: Class ids, `(batch,)` or `(batch, 1)`; further axes as in `y_pred`.
        y_pred: Cosines, `(batch, ..., classes)`.
        scale: Factor of the cosines.
        margined: Function of the true class's cosines, `(batch, ...)`, in at least float32.

    Returns:
        The loss of each example, `(batch, ...)`, in at least float32.

    Raises:
        ValueError: for incompatible shapes.
    """
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, axis=-1)
    if len(y_pred.shape) < 2 or len(y_true.shape) != len(y_pred.shape) - 1:
        raise ValueError(
            "`y_true` must contain one class id, not a one-hot vector, for each vector of cosines. "
            f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
        )
    cosines = ops.cast(y_pred, at_least_float32(y_pred.dtype))
    own = ops.equal(ops.cast(y_true, "int32")[..., None], ops.arange(y_pred.shape[-1], dtype="int32"))
    target = margined(ops.sum(ops.where(own, cosines, ops.zeros_like(cosines)), axis=-1))
    logits = scale * ops.where(own, target[..., None], cosines)
    return ops.logsumexp(logits, axis=-1) - scale * target
