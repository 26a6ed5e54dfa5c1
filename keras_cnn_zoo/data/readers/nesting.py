"""Finds the data in PATH, or in the single folder of PATH, as archives are often unpacked."""

import dataclasses
import os
import re

from keras_cnn_zoo.data.files.text import find_class_names
from keras_cnn_zoo.data.readers.folders import check_folder, split_folders, visible_folders
from keras_cnn_zoo.data.source import SPLIT_NAMES
from keras_cnn_zoo.data.split_words import split_of
from keras_cnn_zoo.utils.errors import InputError

# The macOS archiver adds this folder.
_NOT_DATA = "__MACOSX"
# "train_set" and "images2017-test" are splits. "train_station" is a class.
_FILLERS = {"audio", "data", "dataset", "files", "images", "imgs", "set", "sounds", "split", "texts", "wavs"}


def read_inside(path, options, is_data, read):
    """Reads the data of `path`, or of the single folder in it that has the data.

    Args:
        path: The folder that the user named.
        options: The `ReadOptions`.
        is_data: Function from a folder to whether it has the parts of the format.
        read: Function (folder, options) that returns a `Found`.

    Returns:
        The `Found`, with names relative to `path`.
    """
    root = data_folder(path, is_data)
    if root == path:
        return read(path, options)
    if find_class_names(root, options) is None:
        options = dataclasses.replace(options, class_names=find_class_names(path, options))
    found = read(root, options)
    prefix = os.path.relpath(root, path).replace(os.sep, "/")
    for split in found.splits.values():
        split.names = [f"{prefix}/{name}" for name in split.names]
    return found


def data_folder(path, is_data):
    """Returns `path`, or the folder below it that has the data and is reached through single folders."""
    folder = check_folder(path)
    while not is_data(folder):
        inside = [name for name in visible_folders(folder) if name != _NOT_DATA]
        if len(inside) != 1:
            return path
        folder = os.path.join(folder, inside[0])
    return folder


def check_similar_names(path):
    """Raises an `InputError` if folders of `path` mean splits, but are not called so, as in `train_set`."""
    if split_folders(path):
        return
    meant = {}
    for name in visible_folders(path):
        splits = splits_in(name)
        others = {word.casefold() for word in _words(name) if split_of(word) is None}
        if len(splits) == 1 and others <= _FILLERS:
            meant.setdefault(splits.pop(), name)
    if len(meant) > 1:
        given = ", ".join(meant[name] for name in SPLIT_NAMES if name in meant)
        wanted = ", ".join(name for name in SPLIT_NAMES if name in meant)
        raise InputError(
            f"the folders of {path} must be called {wanted} if they are splits. Received: {given}"
        )


def splits_in(name):
    """Returns the set of splits that are words of a name: {"train"} for "instances_train2017"."""
    return {split_of(word) for word in _words(name)} - {None}


def _words(name):
    # "latest" is one word, "COCOTrain" are two. COCO's "test-dev" is a test split.
    return re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", re.sub("(?i)test[-_]dev", "test", name))


def left_out(names, noun, reason):
    """Returns a tuple with one line to report that files were left out, or an empty one.

    Args:
        names: Their names. The line has the first three.
        noun: Word for one of them, such as "image".
        reason: Words after the number, such as "without annotation".
    """
    names = list(names)
    if not names:
        return ()
    count = f"{len(names)} {noun}{'s' if len(names) > 1 else ''}"
    first = ", ".join([*names[:3], *(["..."] if len(names) > 3 else [])])
    return (f"left out {count} {reason}: {first}",)
