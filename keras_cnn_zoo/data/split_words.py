"""The words that folders, files, and TensorFlow Datasets use for the three splits."""

import difflib
import re

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
# Words that people add to the name of a split, as in "trainset" and "test_images".
_ADDED = {"data", "dataset", "dir", "files", "folder", "s", "set", "split"}
_ADDED |= {"audio", "images", "imgs", "pics", "sounds", "texts", "wavs"}
_SIMILAR = 0.8


def split_of(word):
    """Returns "train", "val", or "test" for a word that means it, else None."""
    return SPLIT_WORDS.get(word.casefold())


def splits_in(name):
    """Returns the set of splits that are words of a name: {"train"} for "instances_train2017"."""
    return {split_of(word) for word in _words(name)} - {None}


def probable_split(name):
    """Returns the split that the name of a folder, such as "train_set" or "test2017", seems to mean, or None.

    Names that mean a split exactly are included.
    """
    return probable_meaning(name)[0]


def probable_meaning(name):
    """Returns the probable split of a name, or None, and the set of the words that say something else.

    "Images-Train" is ("train", set()), and "train_station" is ("train", {"station"}).
    """
    # "TrainData" has two words. "TRAINdata" has them too, but only as one word in lowercase.
    for words in (_words(name), re.findall("[a-z]+", name.casefold())):
        splits = [_with_addition(word) for word in words]
        found = next((split for split in splits if split is not None), None)
        if found is not None:
            pairs = zip(words, splits, strict=True)
            return found, {word.casefold() for word, split in pairs if split is None} - _ADDED
    return None, set()


def misspelled_split(name):
    """Returns the split whose word is almost a name, such as "trian", or None."""
    close = difflib.get_close_matches(name.casefold(), SPLIT_WORDS, n=1, cutoff=_SIMILAR)
    return SPLIT_WORDS[close[0]] if close else None


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


def _words(name):
    # "latest" is one word, "COCOTrain" are two. COCO's "test-dev" is a test split.
    return re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", re.sub("(?i)test[-_]dev", "test", name))


def _with_addition(word):
    """Returns the split of "train", "trainset", or "tests", or None."""
    if split_of(word) is not None:
        return split_of(word)
    word = word.casefold()
    for split_word, split in SPLIT_WORDS.items():
        if word.startswith(split_word) and word.removeprefix(split_word) in _ADDED:
            return split
    return None
