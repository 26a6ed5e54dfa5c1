"""Checks the values of masks, counts their classes, and decides which value is which class."""

import dataclasses

import numpy as np

from keras_cnn_zoo.utils.errors import InputError

MOST_CLASSES = 256
# The values of a mask with a white object on a black background.
BINARY = (0, 255)
_LONGEST = 8


@dataclasses.dataclass(frozen=True)
class MaskClasses:
    """The classes of masks.

    Args:
        names: Tuple of strings, position = class.
        binary: Whether the masks have only the values 0 and 255, of which 255 is class 1.
        notes: Lines to report.
    """

    names: tuple
    binary: bool = False
    notes: tuple = ()

    def of_values(self, values):
        """Returns the classes of the distinct `values` of a mask, as a tuple."""
        return tuple(1 if value == BINARY[1] else value for value in values) if self.binary else values

    def of_mask(self, mask):
        """Returns the mask of class ids of a mask as it is stored."""
        return (mask == BINARY[1]).astype("uint8") if self.binary else mask

    def check(self, values, ignore_label, where):
        """Raises an `InputError` if one of a mask's distinct `values` is neither a class nor ignored."""
        check_values(self.of_values(values), len(self.names), ignore_label, where)


def mask_classes(values, options, where, *, names=None, named_by="`class_names`"):
    """Returns the `MaskClasses` of a data set.

    If all masks have only the values 0 and 255, then 255 is class 1 and nothing is ignored. The user's
    `ignore_label` of 0 or 255 is stronger.

    Args:
        values: Dict from split to a list with the distinct values of each mask.
        options: The `ReadOptions`.
        where: Name of the data in messages.
        names: Tuple of the names that were given, or None for numbers.
        named_by: Where the names are from, in messages.

    Raises:
        InputError: The names do not fit the masks, or the number of classes is implausible.
    """
    everything = {value for masks in values.values() for of_mask in masks for value in of_mask}
    if everything == set(BINARY) and not (options.ignore_label_given and options.ignore_label in BINARY):
        names = ("0", "1") if names is None else tuple(names)
        if len(names) != 2:
            raise InputError(
                f"the masks of {where} have only the values 0 and 255, which are two classes, and {named_by} "
                f"must name two. If 255 is not a class, give `ignore_label` 255. Received: {', '.join(names)}"
            )
        note = f"the masks have only the values 0 and 255: 255 is class 1 ({names[1]}), nothing is ignored"
        return MaskClasses(names, binary=True, notes=(note,))
    if names is None:
        return MaskClasses(numbered_classes(values, options.ignore_label, where))
    return MaskClasses(tuple(names))


def values_of(mask):
    """Returns the distinct values of an integer mask, ascending, as a tuple of int."""
    mask = np.asarray(mask)
    if mask.dtype == np.uint8:
        return tuple(np.flatnonzero(np.bincount(mask.ravel(), minlength=1)).tolist())
    return tuple(np.unique(mask).tolist())


def count_classes(values, ignore_label, where, *, others=(), sparse=False):
    """Returns the number of classes, from the values of the training masks.

    Args:
        values: Iterable of mask values.
        ignore_label: The value that is not a class.
        where: Name of the data in messages.
        others: Values of the other masks, which may use classes that training does not show.
        sparse: Whether any number of classes may be unused, as in a few masks for evaluation.

    Returns:
        The largest class id plus one.

    Raises:
        InputError: Fewer than two classes are left, more than 256 are, or more than half of them are unused.
    """
    values = set(values)
    classes = values - {ignore_label}
    if not classes - {0}:
        raise InputError(
            f"the masks of {where} must have two classes or more, without the ignored label {ignore_label}. "
            f"Received values: {sorted(values) or 'none'}. If {ignore_label} is a class, choose another "
            "`ignore_label`"
        )
    count = max(classes) + 1
    used = {value for value in (*classes, *others, ignore_label) if 0 <= value < count}
    if count <= MOST_CLASSES and (sparse or _is_plausible(count, used)):
        return count
    limit = f"at most {MOST_CLASSES} classes" if count > MOST_CLASSES else "at least half of their class ids"
    raise InputError(
        f"the masks of {where} must use {limit}, which are 0 to their largest value without the ignored "
        f"label {ignore_label}. Received {count:,} classes from the values {listed({*values, *others})}. "
        + _advice(classes, used)
    )


def count_labels(labels, where, *, sparse=False):
    """Returns the number of classes of integer labels: the largest plus one.

    Args:
        labels: Integer array.
        where: Name of the labels in messages.
        sparse: Whether any number of up to 256 classes may be unused, as in a few examples for evaluation.

    Raises:
        InputError: More than half of the classes have no label.
    """
    used = {int(value) for value in np.unique(labels) if value >= 0}
    count = max(used, default=-1) + 1
    if not _is_plausible(count, used) and not (sparse and count <= MOST_CLASSES):
        raise InputError(
            f"{where} must use at least half of the classes 0 to {count - 1}. Received {count:,} classes "
            f"from the values {listed(used)}. Number the classes from 0 without gaps, or give `class_names`"
        )
    return count


def numbered_classes(values, ignore_label, where):
    """Returns the class names "0", "1", ... up to the largest class of the training masks.

    Args:
        values: Dict from split to a list with the values of each mask. Without "train", as in evaluation
            data, all splits count.
        ignore_label: The value that is not a class.
        where: Name of the data in messages.

    Raises:
        InputError: As in `count_classes`.
    """
    training = [values["train"]] if "train" in values else values.values()
    found = {value for masks in training for of_mask in masks for value in of_mask}
    others = {value for masks in values.values() for of_mask in masks for value in of_mask}
    count = count_classes(found, ignore_label, where, others=others, sparse=set(values) <= {"val", "test"})
    return tuple(str(value) for value in range(count))


def check_values(values, num_classes, ignore_label, where):
    """Raises an `InputError` if a value is neither a class nor ignored."""
    for value in values:
        if value != ignore_label and not 0 <= value < num_classes:
            raise InputError(
                f"{where} must have classes 0 to {num_classes - 1} or the ignored label {ignore_label}. "
                f"Received: the value {value}"
            )


def listed(values):
    """Returns integers as text, without the middle of a long list."""
    values = [str(value) for value in sorted(values)]
    if len(values) <= _LONGEST:
        return ", ".join(values)
    return ", ".join([*values[: _LONGEST - 2], "...", values[-1]]) + f" ({len(values):,} values)"


def _is_plausible(count, used):
    return count - len(used) <= count / 2


def _advice(classes, used):
    """Returns a sentence on what the largest value probably is."""
    largest, rest = max(classes), classes - {max(classes)}
    count = max(rest, default=0) + 1
    if rest - {0} and count <= MOST_CLASSES and _is_plausible(count, used - {largest}):
        return f"If {largest} marks pixels without a class, give `ignore_label` {largest}"
    return "Number the classes from 0 without gaps, or name them all with `class_names` or classes.txt"
