"""Finds the data and its splits in the user's folder, and refuses folders that were probably meant as splits.

The words for a split are in `data.split_words`, in any case. Archives are often unpacked into one more folder
or two, so the data may be in the single folder of PATH, in the single folder of that, and so on.
"""

import collections
import dataclasses
import os

from keras_cnn_zoo.data.files.text import find_class_names
from keras_cnn_zoo.data.readers.folders import check_folder, visible_files, visible_folders
from keras_cnn_zoo.data.split_words import by_split, misspelled_split, probable_meaning, split_of
from keras_cnn_zoo.utils.errors import InputError


def split_folders(path):
    """Returns a dict from split to the folder in `path` that has its data, such as {"val": "Valid"}."""
    return by_split(visible_folders(path), path)


def split_files(path, extension):
    """Returns a dict from split to the path of `train.txt`, `valid.txt`, ... in `path`, if there are any."""
    parts = [os.path.splitext(name) for name in (visible_files(path) if os.path.isdir(path) else ())]
    files = {stem: stem + suffix for stem, suffix in parts if suffix.lower() == extension}
    return {split: os.path.join(path, files[stem]) for split, stem in by_split(files, path).items()}


def single_folders(path, folders_in=None):
    """Gives the prefixes "", "FOLDER/", "FOLDER/INNER/", ... of `path` and the single folders below it.

    Args:
        path: The data folder.
        folders_in: Function from a prefix to the names of the folders there that count; None for all visible
            folders.
    """
    prefix = ""
    while True:
        yield prefix
        here = os.path.join(path, prefix)
        folders = visible_folders(here) if folders_in is None else folders_in(prefix)
        if len(folders) != 1:
            return
        prefix += folders[0] + "/"


def find_splits(path, folders_in=None):
    """Finds split folders in `path`, or in its single folder if it has only one.

    Args:
        path: The data folder.
        folders_in: As in `single_folders`.

    Returns:
        A pair: the prefix of the folder that has the splits, "" or "FOLDER/", and a dict from split to its
        folder, relative to `path`. Without splits, they are "" and an empty dict.

    Raises:
        InputError: Two folders mean one split.
    """
    for prefix in single_folders(path, folders_in):
        splits = split_folders(os.path.join(path, prefix))
        if splits:
            return prefix, {split: prefix + name for split, name in splits.items()}
    return "", {}


def data_folder(path, is_data):
    """Returns `path`, or the folder below it that has the data and is reached through single folders."""
    for prefix in single_folders(check_folder(path)):
        folder = os.path.join(path, prefix[:-1]) if prefix else path
        if is_data(folder):
            return folder
    return path


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


def check_no_hidden_splits(path, folders):
    """Raises an `InputError` if folders that are not splits were probably meant to be splits.

    Args:
        path: The folder that has them.
        folders: Iterable of folders relative to `path`, with forward slashes, such as those of the classes.
    """
    parts = sorted({tuple(name.split("/")) for name in folders if name})
    inner = collections.defaultdict(set)
    for part in parts:
        inner[part[0]].add(part[1:])
    meant = _similar_names(inner) or _same_classes(inner)
    if meant:
        name, split = next(iter(meant.items()))
        raise InputError(
            f"the folder {os.path.join(path, name)} was probably meant to be the {split} split: rename it to "
            f"{split}. Received folders: {_listed(parts)}"
        )
    below = collections.defaultdict(set)
    for part in parts:
        for depth, name in enumerate(part[1:], start=1):
            if split_of(name) is not None:
                below[part[:depth]].add(split_of(name))
    for part, splits in below.items():
        if len(splits) > 1:
            raise InputError(
                f"the split folders in {os.path.join(path, *part)} must be above the class folders, such as "
                f"{'/'.join(('train', *part))}. Received folders: {_listed(parts)}"
            )


def _similar_names(inner):
    """Returns a dict from folder to split for names that differ only in the split: "train_set", "test_set".

    "train_station" and "test_tube" also differ in another word. They are classes.
    """
    groups = collections.defaultdict(dict)
    for name in inner:
        split, others = probable_meaning(name)
        if split is not None:
            groups[frozenset(others)][name] = split
    return next((group for group in groups.values() if len(set(group.values())) > 1), {})


def _same_classes(inner):
    """Returns a dict from folder to split for similar or misspelled names that share a class with another.

    A single name is little evidence, and a misspelled one less.
    """
    meant = {name: probable_meaning(name)[0] or misspelled_split(name) for name in inner}
    return {
        name: split
        for name, split in meant.items()
        if split is not None and any((inner[name] - {()}) & inner[other] for other in inner if other != name)
    }


def _listed(parts):
    names = ["/".join(part) for part in parts]
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
