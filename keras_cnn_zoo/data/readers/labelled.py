"""`labeled:PATH`, also `labelled:PATH`: files `*.train`, `*.dev`, `*.test` of lines `LABEL text`."""

import os

from keras_cnn_zoo.data.left_out import left_out
from keras_cnn_zoo.data.readers.folders import visible_files
from keras_cnn_zoo.data.readers.split_layout import read_inside
from keras_cnn_zoo.data.readers.texts import found_texts, is_about_data, numbered_lines
from keras_cnn_zoo.data.source import SPLIT_NAMES
from keras_cnn_zoo.data.split_words import split_of
from keras_cnn_zoo.utils.errors import InputError

TASKS = ("language",)


def read(path, options):
    """Reads the files in the folder `path`. An example is called FILE:LINE, with lines counted from 1."""
    return read_inside(path, options, lambda folder: any(map(_split, visible_files(folder))), _read)


def _read(path, options):
    files = _files(path)
    rows = {
        split_name: [
            _row(path, file, *pair) for pair in numbered_lines(os.path.join(path, file), options.encoding)
        ]
        for split_name, file in files.items()
    }
    others = [name for name in visible_files(path) if name not in files.values() and not is_about_data(name)]
    notes = left_out(others, "file", "that is not *.train, *.dev, or *.test")
    # A line without a label counts as an empty line.
    labels = {row[2] for of_split in rows.values() for row in of_split if row[2]}
    return found_texts(path, rows, _in_order(labels), options, notes)


def _row(path, file, number, line):
    label, text = [*line.split(maxsplit=1), "", ""][:2]
    return f"{file}:{number}", text, label, f"{os.path.join(path, file)} line {number}"


def _files(path):
    """Returns a dict from split name to file name."""
    found = {}
    for name in visible_files(path):
        split_name = _split(name)
        if split_name in found:
            raise InputError(
                f"{path} must have one file per split: keep data sets in separate folders. "
                f"Received for {split_name}: {found[split_name]}, {name}"
            )
        if split_name is not None:
            found[split_name] = name
    if not found:
        held = ", ".join(visible_files(path)[:5])
        raise InputError(
            f"{path} has no files *.train, *.dev, or *.test" + (f". It has: {held}" if held else "")
        )
    return {name: found[name] for name in SPLIT_NAMES if name in found}


def _split(name):
    return split_of(os.path.splitext(name)[1][1:])


def _in_order(labels):
    """Returns labels in order: numerical if all are numbers, else alphabetical."""
    if all(label.isascii() and label.isdigit() for label in labels):
        return sorted(labels, key=int)
    return sorted(labels)
