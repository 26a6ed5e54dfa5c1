"""Shared parts of the readers of text: the lines of a file, and examples of a text and a class."""

import os

from keras_cnn_zoo.data.files import yaml_files
from keras_cnn_zoo.data.files.text import CLASSES_FILE, read_text
from keras_cnn_zoo.data.readers.class_order import class_order
from keras_cnn_zoo.data.survey import survey
from keras_cnn_zoo.utils.errors import InputError
from keras_cnn_zoo.utils.scripts import has_unspaced

# Stems of files that are often next to the data but are not data.
NO_DATA = ("copying", "licence", "license", "readme")
# Extensions of documents and tables that describe data of images or sounds.
_DOCUMENTS = (".csv", ".html", ".json", ".md", ".pdf", ".rst", ".tsv", ".txt", ".xml", ".yaml", ".yml")


# Archives, tables, and files of programs, which are not lines of text.
_NOT_LINES = (
    *(
        ".bin",
        ".bz2",
        ".csv",
        ".doc",
        ".docx",
        ".gz",
        ".html",
        ".jpg",
        ".json",
        ".jsonl",
        ".npy",
        ".npz",
        ".odt",
    ),
    *(".parquet", ".pdf", ".pkl", ".png", ".py", ".sh", ".tar", ".tsv", ".xls", ".xlsx", ".xml", ".yaml"),
    *(".yml", ".zip"),
)


def is_about_data(name):
    """Returns whether a file next to texts is not data: classes.txt, data.yaml, README, LICENSE, ..."""
    return name in (CLASSES_FILE, yaml_files.DATA_FILE) or name.split(".")[0].lower() in NO_DATA


def is_of_lines(name):
    """Returns whether the name of a file may be that of lines of text. Their suffix can be a class."""
    return not name.lower().endswith(_NOT_LINES)


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


def _shared(rows):
    """Returns a line to report about texts in more than one split, if there are any."""
    first, shared = {}, {}
    for split_name, of_split in rows.items():
        for name, text, *_ in of_split:
            known = first.setdefault(text.strip(), (split_name, name))
            if known[0] != split_name and text.strip():
                shared.setdefault(text.strip(), f"{known[1]} and {name}")
    if not shared:
        return ()
    count = "1 text is" if len(shared) == 1 else f"{len(shared)} texts are"
    return (f"{count} in more than one split, such as {next(iter(shared.values()))}",)


def note_on_scripts(texts):
    """Returns a line to report if texts are of a script without spaces between words."""
    texts = list(texts)
    count = sum(map(has_unspaced, texts))
    if not count:
        return ()
    return (
        f"{count} of {len(texts)} texts have characters of a script without spaces between words (Chinese, "
        "Japanese, Thai, ...): each of these characters is a word",
    )


def found_texts(path, rows, classes, options, notes=()):
    """Returns the `Found` of rows (name, text, class in the data, name in messages). Refuses empty texts.

    Args:
        path: The data folder.
        rows: Dict from split to a list of rows.
        classes: List of the classes in the data, in order.
        options: The `ReadOptions`.
        notes: Lines to report about files.
    """
    class_names, index, more = class_order(
        path, classes, options, noun="texts", place="class", order="the order of the data"
    )
    texts = (text for of_split in rows.values() for _, text, *_ in of_split)
    notes = (*notes, *more, *_shared(rows), *note_on_scripts(texts))
    seen = survey(rows, lambda row: check_text(row[3], row[1]), skip_bad=options.skip_bad)
    seen.check_not_empty(path)
    return seen.found(
        lambda row: {"text": row[0], "label": row[1]},
        class_names,
        row=lambda item, _: (item[1], index[item[2]]),
        label=lambda row: row[1],
        key=lambda row: row[0],
        notes=notes,
    )
