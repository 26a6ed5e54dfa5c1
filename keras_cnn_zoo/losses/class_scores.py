"""Checks and conversion of the targets and predictions of losses over classes."""

from keras import ops

from keras_cnn_zoo.ops.class_ids import as_labels, class_ids
from keras_cnn_zoo.utils.dtypes import at_least_float32


def class_scores(y_true, y_pred, ignore_class=None):
    """Returns the `ClassIds` of labels, `(batch, ...)`, and scores, `(batch, ..., classes)`.

    Args:
        y_true: Class ids, `(batch, ...)` or `(batch, ..., 1)`.
        y_pred: Scores, `(batch, ..., classes)`; they are returned in at least float32.
        ignore_class: Label to leave out like -1, or None. Defaults to None.

    Raises:
        ValueError: for other shapes, fewer than two classes, or in eager mode labels that are no class.
    """
    y_true, y_pred = as_labels(y_true), ops.convert_to_tensor(y_pred)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, axis=-1)
    if len(y_pred.shape) < 2 or len(y_true.shape) != len(y_pred.shape) - 1:
        raise ValueError(
            "`y_true` must contain one class id, not a one-hot vector, for each vector of scores. "
            f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
        )
    pairs = zip(y_true.shape, y_pred.shape[:-1], strict=True)
    if any(None not in sizes and sizes[0] != sizes[1] for sizes in pairs):
        raise ValueError(
            "`y_true` must contain one class id for each vector of scores. "
            f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
        )
    if y_pred.shape[-1] is None or y_pred.shape[-1] < 2:
        raise ValueError(
            "`y_pred` must have a score for each of at least two classes along its last axis. For two "
            "classes, give the last layer two units instead of one. "
            f"Received: y_pred.shape={tuple(y_pred.shape)}"
        )
    labels = class_ids(y_true, y_pred.shape[-1], ignore_class=ignore_class)
    return labels, ops.cast(y_pred, at_least_float32(y_pred.dtype))
