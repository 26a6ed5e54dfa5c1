"""Checks the values of masks and counts their classes."""

import numpy as np

from keras_cnn_zoo.utils.errors import InputError


def values_of(mask):
    """Returns the distinct values of an integer mask, ascending, as a tuple of int."""
    mask = np.asarray(mask)
    if mask.dtype == np.uint8:
        return tuple(np.flatnonzero(np.bincount(mask.ravel(), minlength=1)).tolist())
    return tuple(np.unique(mask).tolist())


def count_classes(values, ignore_label, where):
    """Returns the number of classes, from the values of the training masks.

    Args:
        values: Iterable of mask values.
        ignore_label: The value that is not a class.
        where: Name of the data in messages.

    Returns:
        The largest class id plus one.

    Raises:
        InputError: Fewer than two classes are left.
    """
    classes = set(values) - {ignore_label}
    if not classes - {0}:
        raise InputError(
            f"the masks of {where} must have two classes or more, without the ignored label {ignore_label}. "
            f"Received values: {sorted(set(values)) or 'none'}. If {ignore_label} is a class, choose another "
            "`ignore_label`"
        )
    return max(classes) + 1


def numbered_classes(values, ignore_label, where):
    """Returns the class names "0", "1", ... up to the largest class of the training masks.

    Args:
        values: Dict from split to a list with the values of each mask. Without "train", as in evaluation
            data, all splits count.
        ignore_label: The value that is not a class.
        where: Name of the data in messages.

    Raises:
        InputError: Fewer than two classes are left.
    """
    training = [values["train"]] if "train" in values else values.values()
    found = {value for masks in training for of_mask in masks for value in of_mask}
    return tuple(str(value) for value in range(count_classes(found, ignore_label, where)))


def check_values(values, num_classes, ignore_label, where):
    """Raises an `InputError` if a value is neither a class nor ignored."""
    for value in values:
        if value != ignore_label and not 0 <= value < num_classes:
            raise InputError(
                f"{where} must have classes 0 to {num_classes - 1} or the ignored label {ignore_label}. "
                f"Received: the value {value}"
            )
