"""Shared parts of the readers of text: the lines of a file, and examples of a text and a class."""

import os

from keras_cnn_zoo.data.files.text import read_text
from keras_cnn_zoo.data.readers.class_order import class_order
from keras_cnn_zoo.data.survey import survey
from keras_cnn_zoo.utils.errors import InputError

# Stems of files that are often next to the data but are not data.
NO_DATA = ("copying", "licence", "license", "readme")
# Extensions of documents and tables that describe data of images or sounds.
_DOCUMENTS = (".csv", ".html", ".json", ".md", ".pdf", ".rst", ".tsv", ".txt", ".xml", ".yaml", ".yml")


def is_document(path):
    """Returns whether the name of a file is that of a text about the data, such as README or labels.csv."""
    name = os.path.basename(path).lower()
    return name.endswith(_DOCUMENTS) or name.split(".")[0] in NO_DATA


def numbered_lines(path, encoding):
    """Returns pairs (number from 1, line) of a text file, split only at line feeds.

    `str.splitlines` would also split at characters such as U+0085, which occur within sentences of common
    data sets.
    """
    text = read_text(path, encoding)
    if "\0" in text:
        raise InputError(f"{path} is not {encoding} text (it has NUL). Name its encoding with `encoding`")
    lines = text.removesuffix("\n").split("\n")
    return [(number, line.removesuffix("\r")) for number, line in enumerate(lines, start=1)]


def check_text(where, text):
    """Raises an `InputError` if a text is empty."""
    if not text.strip():
        raise InputError(f"{where} is empty: every line must have a text")


def found_texts(path, rows, classes, options):
    """Returns the `Found` of rows (name, text, class in the data, name in messages). Refuses empty texts.

    Args:
        path: The data folder.
        rows: Dict from split to a list of rows.
        classes: List of the classes in the data, in order.
        options: The `ReadOptions`.
    """
    class_names, index, notes = class_order(
        path, classes, options, noun="texts", place="class", order="the order of the data"
    )
    seen = survey(rows, lambda row: check_text(row[3], row[1]), skip_bad=options.skip_bad)
    seen.check_not_empty(path)
    return seen.found(
        lambda row: {"text": row[0], "label": row[1]},
        class_names,
        row=lambda item, _: (item[1], index[item[2]]),
        label=lambda row: row[1],
        notes=notes,
    )
