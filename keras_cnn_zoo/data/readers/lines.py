"""`lines:PATH`: one text file per class, one example per line. Splits are folders, file stems, or absent."""

import os

from keras_cnn_zoo.data.left_out import left_out
from keras_cnn_zoo.data.readers.folders import visible_files, visible_folders
from keras_cnn_zoo.data.readers.split_layout import check_no_hidden_splits, read_inside, split_folders
from keras_cnn_zoo.data.readers.texts import found_texts, is_about_data, is_of_lines, numbered_lines
from keras_cnn_zoo.data.split_words import by_split, split_of
from keras_cnn_zoo.data.splits import UNSPLIT
from keras_cnn_zoo.utils.errors import InputError

TASKS = ("language",)


def read(path, options):
    """Reads the class files in the folder `path`.

    A class has the name of its file's stem, or of the suffix if the stems are equal (`rt-polarity.pos`). An
    example is called FILE:LINE, with lines counted from 1.
    """
    return read_inside(path, options, lambda folder: split_folders(folder) or _class_files(folder), _read)


def _read(path, options):
    files = _files(path)
    classes = sorted({name for of_split in files.values() for _, name in of_split})
    rows = {
        split_name: [
            (f"{file}:{number}", line, name, f"{os.path.join(path, file)} line {number}")
            for file, name in of_split
            for number, line in numbered_lines(os.path.join(path, file), options.encoding)
        ]
        for split_name, of_split in files.items()
    }
    return found_texts(path, rows, classes, options, _unused(path, files))


def _files(path):
    """Returns a dict from split name to pairs (file relative to `path`, class)."""
    folders = split_folders(path)
    if folders:
        return {name: _of_folder(path, folder + "/") for name, folder in folders.items()}
    check_no_hidden_splits(path, visible_folders(path))
    names = _class_files(path)
    parts = [os.path.splitext(name) for name in names]
    if parts and all(split_of(stem) and suffix for stem, suffix in parts):
        # train.pos, train.neg, test.pos, ...
        stems = by_split({stem: None for stem, _ in parts}, path)
        return {
            split: [
                (name, suffix[1:]) for name, (stem, suffix) in zip(names, parts, strict=True) if stem == word
            ]
            for split, word in stems.items()
        }
    return {UNSPLIT: _of_folder(path, "")}


def _unused(path, files):
    """Returns lines to report about files and folders that are not read."""
    splits = split_folders(path).values()
    read = {file for of_split in files.values() for file, _ in of_split}
    others, folders = [], []
    for prefix in ("", *(f"{folder}/" for folder in splits)):
        here = os.path.join(path, prefix)
        others += [prefix + name for name in visible_files(here) if not is_about_data(name)]
        folders += [prefix + name for name in visible_folders(here)]
    return (
        *left_out([name for name in others if name not in read], "file", "without a class"),
        *left_out([name for name in folders if name not in splits], "folder", "that is not a split"),
    )


def _of_folder(path, prefix):
    folder = os.path.join(path, prefix)
    names = _class_files(folder)
    if not names:
        held = ", ".join([*visible_files(folder), *(f"{name}/" for name in visible_folders(folder))][:5])
        raise InputError(
            f"{folder} must have one text file per class. It has no text files"
            + (f". Received: {held}" if held else "")
        )
    stems = [os.path.splitext(name)[0] for name in names]
    classes = stems
    if len(set(stems)) < len(stems):
        classes = [os.path.splitext(name)[1][1:] for name in names]
        doubled = [name for name in classes if not name or classes.count(name) > 1]
        if doubled:
            raise InputError(
                f"{folder}: the files must have different stems or different suffixes, one per class. "
                f"Received: {', '.join(names)}"
            )
    return [(prefix + name, label) for name, label in zip(names, classes, strict=True)]


def _class_files(folder):
    """Returns the sorted names of the visible files, without those that are not data."""
    return [name for name in visible_files(folder) if is_of_lines(name) and not is_about_data(name)]
