"""The words that folders, files, and TensorFlow Datasets use for the three splits."""

from keras_cnn_zoo.data.source import SPLIT_NAMES
from keras_cnn_zoo.utils.errors import InputError

# Matched without regard to case.
SPLIT_WORDS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


def split_of(word):
    """Returns "train", "val", or "test" for a word that means it, else None."""
    return SPLIT_WORDS.get(word.casefold())


def by_split(names, where):
    """Returns a dict from split to the name that means it, in the order train, val, test.

    Args:
        names: names of folders, or stems of files. Those that do not mean a split are left out.
        where: the place that has them, for the message.

    Raises:
        InputError: if two names mean one split.
    """
    found = {}
    for name in names:
        split = split_of(name)
        if split in found:
            raise InputError(f"{where} has two names for the {split} split: {found[split]} and {name}")
        if split is not None:
            found[split] = name
    return {name: found[name] for name in SPLIT_NAMES if name in found}
