"""Checks the final splits before the first step, whatever reader, split file, or draw they come from."""

import numpy as np

from keras_cnn_zoo.data.left_out import first_few
from keras_cnn_zoo.data.source import SPLIT_NAMES
from keras_cnn_zoo.utils.errors import InputError

# Which absent classes a message names before it only counts.
_SHOWN = 10


def check_final_splits(source):
    """Returns lines to report about the splits of a `Source` that a model is to be trained on.

    Raises:
        InputError: A split is empty or cannot be measured, or training has nothing to learn from.
    """
    for name in SPLIT_NAMES:
        source.split(name)
    if source.task == "detection":
        return _check_objects(source)
    if source.task == "segmentation":
        return _check_masks(source)
    if source.split("train").labels is not None and source.class_names:
        return _check_labels(source)
    return []


def class_pixels(source, split):
    """Returns the number of pixels of each class in the masks of a split, and the number of ignored ones.

    Raises:
        InputError: All pixels are ignored.
    """

    def count():
        counts, ignored = np.zeros(len(source.class_names), dtype="int64"), 0
        held = source.split(split)
        for position in range(len(held)):
            known = held.targets(position) or held[position]
            valid = known["mask"][known["mask"] != source.ignore_label]
            counts += np.bincount(valid, minlength=len(counts))[: len(counts)]
            ignored += known["mask"].size - valid.size
        return counts, ignored

    counts, ignored = source.once(("class pixels", split), count)
    if not counts.any():
        raise InputError(
            f"{source.name}: every pixel of the {split} masks is ignored (`ignore_label` is "
            f"{source.ignore_label})"
        )
    return counts, ignored


def class_objects(source, split):
    """Returns the number of objects of each class in a split, without crowds."""

    def count():
        counts = np.zeros(len(source.class_names), dtype="int64")
        held = source.split(split)
        for position in range(len(held)):
            known = held.targets(position) or held[position]
            alone = ~np.asarray(known["crowd"], dtype=bool)
            counts += np.bincount(np.asarray(known["classes"])[alone], minlength=len(counts))
        return counts

    return source.once(("class objects", split), count)


def _absent(source, counts, noun):
    """Returns the line about the classes that training never shows, if there are any."""
    names = [name for name, count in zip(source.class_names, counts, strict=True) if not count]
    return [f"the train split has no {noun} of {first_few(names, _SHOWN)}"] if names else []


def _only(source, split, counts, noun):
    """Returns the line about a split with a single class, which selects and measures nothing."""
    present = np.flatnonzero(counts)
    if len(present) != 1:
        return []
    return [
        f"the {split} split has only {noun} of {source.class_names[present[0]]}: it cannot compare models"
    ]


def _check_labels(source):
    counts = {
        name: np.bincount(source.split(name).labels, minlength=len(source.class_names))
        for name in SPLIT_NAMES
        if source.split(name).labels is not None
    }
    notes = _absent(source, counts["train"], "examples")
    return [*notes, *(line for name in counts for line in _only(source, name, counts[name], "examples"))]


def _check_objects(source):
    counts = class_objects(source, "train")
    if not counts.any():
        raise InputError(f"{source.name}: no image of the train split has an object")
    notes = _absent(source, counts, "objects")
    for name in ("val", "test"):
        if not class_objects(source, name).any():
            effect = "no epoch can be better than the first" if name == "val" else "its metrics are 0"
            notes.append(f"no image of the {name} split has an object: {effect}")
    return notes


def _check_masks(source):
    counts = {name: class_pixels(source, name) for name in SPLIT_NAMES}
    train, ignored = counts["train"]
    present = [name for name, count in zip(source.class_names, train, strict=True) if count]
    if len(present) < 2:
        seen = f"only {present[0]}"
        if ignored:
            seen += (
                f", and {ignored} pixels of the ignored label {source.ignore_label}. "
                f"If {source.ignore_label} is a class, choose another `ignore_label`"
            )
        raise InputError(
            f"{source.name}: the masks of the train split must have two classes or more. Received: {seen}"
        )
    notes = _absent(source, train, "pixels")
    return [
        *notes,
        *(line for name in ("val", "test") for line in _only(source, name, counts[name][0], "pixels")),
    ]
