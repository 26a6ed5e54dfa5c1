"""`lines:PATH`: one text file per class, one example per line. Splits are folders, file stems, or absent."""

import os

from keras_cnn_zoo.data.files.text import CLASSES_FILE
from keras_cnn_zoo.data.readers.folders import check_folder, split_folders, visible_files
from keras_cnn_zoo.data.readers.texts import NO_DATA, found_texts, numbered_lines
from keras_cnn_zoo.data.split_words import by_split, split_of
from keras_cnn_zoo.data.splits import UNSPLIT
from keras_cnn_zoo.utils.errors import InputError

TASKS = ("language",)


def read(path, options):
    """Reads the class files in the folder `path`.

    A class has the name of its file's stem, or of the suffix if the stems are equal (`rt-polarity.pos`). An
    example is called FILE:LINE, with lines counted from 1.
    """
    check_folder(path)
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
    return found_texts(path, rows, classes, options)


def _files(path):
    """Returns a dict from split name to pairs (file relative to `path`, class)."""
    folders = split_folders(path)
    if folders:
        return {name: _of_folder(path, folder + "/") for name, folder in folders.items()}
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


def _of_folder(path, prefix):
    folder = os.path.join(path, prefix)
    names = _class_files(folder)
    if not names:
        raise InputError(f"{folder} must have one text file per class. It has no text files")
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
    return [
        name
        for name in visible_files(folder)
        if name != CLASSES_FILE and name.split(".")[0].lower() not in NO_DATA
    ]
