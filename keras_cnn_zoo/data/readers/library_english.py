"""The embedded English sentences, the default data of the language task."""

import platform

from keras_cnn_zoo.data.embedded.library_english.sentences import CLASSES, sentences
from keras_cnn_zoo.data.readers.numbering import example_names
from keras_cnn_zoo.data.source import SPLIT_NAMES, Found, Split
from keras_cnn_zoo.utils.errors import InputError

TASKS = ("language",)


def read(path, options):
    """Returns the `Found` of the sentences; `path` is None."""
    made = sentences()
    if made.missing == made.listed:
        raise InputError(
            "library_english needs the sources of Python's standard library, which this Python "
            f"{platform.python_version()} does not have"
        )
    notes = ()
    if made.missing:
        notes = (
            f"{made.missing} of the {made.listed} sentences of library_english are not in the library of "
            f"Python {platform.python_version()} and are left out",
        )
    splits = {name: _split(name, made.texts[name], made.labels[name]) for name in SPLIT_NAMES}
    return Found(splits=splits, class_names=CLASSES, channels=None, notes=notes)


def _split(name, texts, labels):
    return Split(
        example_names(name, len(texts)),
        lambda position: {"text": texts[position], "label": labels[position]},
        labels=labels,
    )
