"""Labels as class ids: conversion to int32, labels to leave out, and labels that are refused.

labels, any integer or float dtype -> ids int32 -> which of them count (not -1, not `ignore_class`)
                                                -> which of the counted ones are outside of the range
"""

import typing

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.utils.arrays import in_eager_mode

LARGEST = 2**31 - 1
"""The largest class id. JAX has no larger integers by default."""
LEFT_OUT = -1
"""The label of an example that does not count."""


class ClassIds(typing.NamedTuple):
    """Class ids, and how each of them counts; tensors of one shape.

    Args:
        ids: int32 class ids; any number where a label is refused.
        counted: False for labels that are -1 or `ignore_class`.
        refused: True for labels outside of the range; None if there is none, as always in eager mode.
    """

    ids: typing.Any
    counted: typing.Any
    refused: typing.Any

    def mark(self, values):
        """Returns values, of the shape of the labels, with 0 for labels that do not count and NaN if refused.

        The gradient is NaN too, because training must not continue with other examples as if all were well.
        """
        values = ops.where(self.counted, values, ops.zeros_like(values))
        return values if self.refused is None else values * nan_where(self.refused, values.dtype)


def nan_where(refused, dtype):
    """Returns NaN where `refused` is True, and else 1: a factor for values and gradients."""
    return ops.cast(ops.where(refused, float("nan"), 1.0), dtype)


def as_labels(labels, name="y_true"):
    """Returns labels as a tensor: whole numbers that fit as int32, and other numbers in their own dtype.

    Integers that int32 cannot hold become floating-point numbers, which `class_ids` refuses. JAX would turn
    3,000,000,001 into -1,294,967,295.

    Args:
        labels: Tensor, array, or list of numbers. A tensor keeps its dtype.
        name: Name of the argument in messages. Defaults to `"y_true"`.

    Raises:
        ValueError: for labels that are not real numbers, such as names.
    """
    if isinstance(labels, keras.Variable):
        return ops.convert_to_tensor(labels)
    if ops.is_tensor(labels) or isinstance(labels, keras.KerasTensor):
        return labels
    array = np.asarray(labels)
    if array.dtype.kind not in "iu":
        array = array.astype("int32") if array.dtype == bool else _as_float64(array, name)
    with np.errstate(invalid="ignore"):
        fits = np.abs(array.astype("float64")) <= LARGEST
        ids = np.where(fits, array, 0).astype("int32")
    if np.array_equal(ids, array):
        return ops.convert_to_tensor(ids)
    return ops.convert_to_tensor(array.astype("float64"))


def _as_float64(array, name):
    # Digits would pass as numbers, and complex numbers would lose a part.
    if array.dtype.kind not in "USc":
        try:
            return array.astype("float64")
        except (TypeError, ValueError):
            pass
    raise ValueError(
        f"`{name}` must contain class ids, which are whole numbers. "
        f"Received: {name} of dtype {array.dtype} with {array.ravel()[:5].tolist()}"
    )


def class_ids(labels, num_classes=None, *, ignore_class=None, name="y_true"):
    """Returns the `ClassIds` of labels, and refuses labels that are no class.

    Args:
        labels: Whole numbers of any dtype, in any shape.
        num_classes: Ids must be below this. None allows ids up to 2^31 - 1. Defaults to None.
        ignore_class: Label to leave out like -1, or None. Defaults to None.
        name: Name of the argument in messages. Defaults to `"y_true"`.

    Raises:
        ValueError: in eager mode, for labels other than 0 to `num_classes - 1`, -1, and `ignore_class`.
            Compiled code cannot raise an error that depends on a value: there `refused` marks these labels.
    """
    labels = as_labels(labels, name)
    dtype = keras.backend.standardize_dtype(labels.dtype)
    unsigned = dtype.startswith("uint")
    if dtype == "bool":
        labels = ops.cast(labels, "int32")
    elif dtype in ("uint16", "uint32", "uint64") and keras.backend.backend() != "jax":
        labels, dtype = ops.cast(labels, "int64"), "int64"  # PyTorch hardly computes with these.
    ids = ops.cast(labels, "int32")
    counted = ops.not_equal(ids, LEFT_OUT)
    if ignore_class is not None and abs(ignore_class) <= LARGEST:
        counted = ops.logical_and(counted, ops.not_equal(ids, ignore_class))
    wrong = ids < 0
    if num_classes is not None:
        wrong = ops.logical_or(wrong, ids >= num_classes)
    refused = ops.logical_and(counted, wrong)
    if unsigned:
        refused = ops.logical_or(refused, ids < 0)
    if dtype.startswith(("float", "bfloat")) or dtype in ("int64", "uint32", "uint64"):
        refused = ops.logical_or(refused, ops.not_equal(ops.cast(ids, dtype), labels))
    if dtype.startswith(("float", "bfloat")):
        # The cast may turn 2^31 into 2^31 - 1, which as a float32 is 2^31 again.
        refused = ops.logical_or(refused, ops.abs(labels) >= LARGEST + 1.0)
    some = in_eager_mode(ops.any(refused))
    if some is None:
        return ClassIds(ids, counted, refused)
    if some:
        found = ops.convert_to_numpy(ops.cast(labels, "float64") if dtype == "bfloat16" else labels)
        found = found[ops.convert_to_numpy(refused)]
        raise ValueError(_message(name, num_classes, ignore_class, _some(found)))
    return ClassIds(ids, counted, None)


def _message(name, num_classes, ignore_class, received):
    largest = "2^31 - 1" if num_classes is None else num_classes - 1
    out = "-1" if ignore_class in (None, LEFT_OUT) else f"-1 and {ignore_class}"
    return (
        f"`{name}` must contain class ids, whole numbers from 0 to {largest}; {out} leave an example out. "
        f"Received: {name} with {received}"
    )


def _some(values):
    """Returns up to five distinct values as words."""
    values = np.unique(values)
    words = ", ".join(
        str(int(value) if np.isfinite(value) and value == int(value) else value)
        for value in values[:5].tolist()
    )
    return words + (f" and {len(values) - 5} more" if len(values) > 5 else "")
