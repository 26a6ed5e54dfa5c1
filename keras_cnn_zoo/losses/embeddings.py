"""Checks and conversion of the targets and predictions of embedding losses."""

import keras
from keras import ops

from keras_cnn_zoo.ops import distances
from keras_cnn_zoo.ops.class_ids import as_labels, class_ids
from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.dtypes import at_least_float32


def checked_distance(distance):
    """Returns `"squared"`, `"euclidean"`, or a function of two embeddings, which may come from a config."""
    return checked_choice("distance", distance, distances.NAMES)


def checked_choice(name, value, names):
    """Returns one of `names` or a callable; the value of a config is deserialized.

    Args:
        name: Name of the argument.
        value: Its value.
        names: The allowed values that are not callable.

    Raises:
        ValueError: for other values.
    """
    if isinstance(value, dict):
        value = keras.saving.deserialize_keras_object(value)
    if not callable(value) and value not in names:
        validation.fail(name, "one of " + ", ".join(map(repr, names)) + ", or a function", value)
    return value


def saved_choice(value):
    """Returns the value of a config for a choice: a name, None, or the config of a callable."""
    return keras.saving.serialize_keras_object(value) if callable(value) else value


def labeled_embeddings(y_true, y_pred):
    """Returns `ClassIds`, `(batch,)`, and embeddings as `(batch, dim)` in at least float32.

    Args:
        y_true: Class ids from 0 to 2^31 - 1, or -1 to leave an example out, `(batch,)` or `(batch, 1)`.
        y_pred: Embeddings, `(batch, dim)`.

    Raises:
        ValueError: for other shapes, or in eager mode other labels.
    """
    y_true, y_pred = as_labels(y_true), ops.convert_to_tensor(y_pred)
    if len(y_pred.shape) != 2:
        raise ValueError(
            f"`y_pred` must have the shape (batch, dim). Received: y_pred.shape={tuple(y_pred.shape)}"
        )
    labels = class_ids(_one_label_each(y_true, y_pred))
    if labels.refused is not None:
        # Any label has an effect on the losses of all examples.
        labels = labels._replace(refused=ops.any(labels.refused))
    return labels, ops.cast(y_pred, at_least_float32(y_pred.dtype))


def labeled_pairs(y_true, y_pred, distance="squared"):
    """Returns the labels of pairs and their distances, both `(batch,)`.

    Args:
        y_true: 1 for a matching pair and 0 for another, `(batch,)` or `(batch, 1)`.
        y_pred: The two embeddings of each pair, `(batch, 2, dim)`.
        distance: `"squared"`, `"euclidean"`, or a function of two embeddings.

    Raises:
        ValueError: for other shapes.
    """
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_pred.shape) != 3 or y_pred.shape[1] != 2:
        raise ValueError(
            f"`y_pred` must have the shape (batch, 2, dim). Received: y_pred.shape={tuple(y_pred.shape)}"
        )
    dtype = at_least_float32(y_pred.dtype)
    match = ops.cast(_one_label_each(y_true, y_pred), dtype)
    first, second = ops.unstack(ops.cast(y_pred, dtype), 2, axis=1)
    return match, distances.distances_between(first, second, distance)


def _one_label_each(y_true, y_pred):
    if len(y_true.shape) not in (1, 2) or tuple(y_true.shape[1:]) not in ((), (1,)):
        raise ValueError(
            "`y_true` must have the shape (batch,) or (batch, 1). "
            f"Received: y_true.shape={tuple(y_true.shape)}"
        )
    sizes = {y_true.shape[0], y_pred.shape[0]} - {None}
    if len(sizes) > 1:
        raise ValueError(
            "`y_true` and `y_pred` must have the same batch size. "
            f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
        )
    return ops.reshape(y_true, (-1,))
