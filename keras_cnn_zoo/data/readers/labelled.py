"""`labelled:PATH`: files `*.train`, `*.dev`, `*.test` of lines `LABEL text`, as SST-2 comes in."""

import os

from keras_cnn_zoo.data.readers.folders import check_folder
from keras_cnn_zoo.data.readers.texts import class_order, found_texts, numbered_lines
from keras_cnn_zoo.data.source import SPLIT_NAMES
from keras_cnn_zoo.utils.errors import InputError

TASKS = ("language",)
_SPLIT_WORDS = {"train": "train", "val": "val", "dev": "val", "test": "test"}


def read(path, options):
    """Reads the files in the folder `path`; an example is called FILE:LINE, lines counted from 1."""
    check_folder(path)
    rows = {
        split_name: [
            _row(path, file, *pair) for pair in numbered_lines(os.path.join(path, file), options.encoding)
        ]
        for split_name, file in _files(path).items()
    }
    labels = {row[2] for of_split in rows.values() for row in of_split if row[2]}
    class_names, index, notes = class_order(path, _in_order(labels), options)
    # A line without a label is an empty line: refused, or left out, as one.
    index.setdefault("", -1)
    return found_texts(path, rows, class_names, index, notes, options)


def _row(path, file, number, line):
    label, text = [*line.split(maxsplit=1), "", ""][:2]
    return f"{file}:{number}", text, label, f"{os.path.join(path, file)} line {number}"


def _files(path):
    """Split name to file name."""
    with os.scandir(path) as entries:
        names = sorted(entry.name for entry in entries if entry.is_file() and not entry.name.startswith("."))
    found = {}
    for name in names:
        split_name = _SPLIT_WORDS.get(os.path.splitext(name)[1][1:])
        if split_name in found:
            raise InputError(
                f"{path} holds two files for {split_name}: keep each data set in a folder of its own. "
                f"Received: {found[split_name]}, {name}"
            )
        if split_name is not None:
            found[split_name] = name
    if not found:
        raise InputError(f"{path} holds no files *.train, *.dev or *.test")
    return {name: found[name] for name in SPLIT_NAMES if name in found}


def _in_order(labels):
    """Numbers by size, else words by the alphabet."""
    if all(label.isascii() and label.isdigit() for label in labels):
        return sorted(labels, key=int)
    return sorted(labels)
