"""Finds the split folders of a data set, and refuses folders that were probably meant to be splits."""

import difflib
import os
import re

from keras_cnn_zoo.data.readers.folders import split_folders, visible_folders
from keras_cnn_zoo.data.split_words import SPLIT_WORDS, split_of
from keras_cnn_zoo.utils.errors import InputError

# Words that people add to the name of a split, as in "trainset" and "test_images".
_ADDED = ("data", "dataset", "dir", "folder", "images", "imgs", "pics", "s", "set", "split")
_SIMILAR = 0.8
# A folder that some archives have next to the data.
_NO_DATA = ("__MACOSX",)


def find_splits(path, folders_in=None):
    """Finds split folders in `path`, or in its single folder if it has only one.

    Args:
        path: The data folder.
        folders_in: Function from a prefix, "" or "FOLDER/", to the names of the folders there that may have
            splits in them; None for all visible folders.

    Returns:
        A pair: the prefix of the folder that has the splits, "" or "FOLDER/", and a dict from split to its
        folder, relative to `path`. Without splits, they are "" and an empty dict.

    Raises:
        InputError: Two folders mean one split.
    """
    prefix = ""
    while True:
        here = os.path.join(path, prefix)
        splits = split_folders(here)
        if splits:
            return prefix, {split: prefix + name for split, name in splits.items()}
        folders = visible_folders(here) if folders_in is None else folders_in(prefix)
        folders = [name for name in folders if name not in _NO_DATA]
        if len(folders) != 1:
            return "", {}
        prefix += folders[0] + "/"


def probable_split(name):
    """Returns the split that the name of a folder, such as "train_set" or "test2017", seems to mean, or None.

    Names that mean a split exactly are included.
    """
    for word in re.findall("[a-z]+", name.casefold()):
        if split_of(word) is not None:
            return split_of(word)
        for split_word, split in SPLIT_WORDS.items():
            if word.startswith(split_word) and word.removeprefix(split_word) in _ADDED:
                return split
    return None


def check_no_hidden_splits(path, classes):
    """Raises an `InputError` if the folders of the classes were probably meant to be splits.

    Args:
        path: The data folder, for messages.
        classes: Iterable of the class folders, relative, with forward slashes.
    """
    parts = sorted({tuple(name.split("/")) for name in classes})
    inner = {}
    for part in parts:
        inner.setdefault(part[0], set()).add(part[1:])
    meant = {name: split for name in inner if (split := probable_split(name)) is not None}
    if len(set(meant.values())) < 2:
        # One name is little evidence, and a misspelled one less, unless it has the classes of another folder.
        meant |= {name: split for name in inner if (split := _misspelled(name)) is not None}
        meant = {name: split for name, split in meant.items() if _shares_classes(name, inner)}
    if meant:
        name, split = next(iter(meant.items()))
        raise InputError(
            f"the folder {os.path.join(path, name)} was probably meant to be the {split} split: rename it to "
            f"{split}. Received class folders: {_listed(parts)}"
        )
    below = {}
    for part in parts:
        for depth, name in enumerate(part[1:], start=1):
            if split_of(name) is not None:
                below.setdefault(part[:depth], set()).add(split_of(name))
    for part, splits in below.items():
        if len(splits) > 1:
            raise InputError(
                f"the split folders in {os.path.join(path, *part)} must be above the class folders, such as "
                f"{'/'.join(('train', *part))}. Received class folders: {_listed(parts)}"
            )


def _misspelled(name):
    close = difflib.get_close_matches(name.casefold(), SPLIT_WORDS, n=1, cutoff=_SIMILAR)
    return SPLIT_WORDS[close[0]] if close else None


def _shares_classes(name, inner):
    """Whether another folder has a class folder of the same name as the folder `name`."""
    own = inner[name] - {()}
    return any(own & other for other_name, other in inner.items() if other_name != name)


def _listed(parts):
    names = ["/".join(part) for part in parts]
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
