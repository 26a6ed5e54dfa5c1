"""`words:PATH`: `train.tsv`, `val.tsv`, `test.tsv` of lines `picture<TAB>text`, pictures beside them.

Texts are lower-cased where the alphabet has no capitals; by default it is 0-9 and a-z, in which words are
usually compared.
"""

import functools
import os

from keras_cnn_zoo.data.files import images as image_files
from keras_cnn_zoo.data.files.text import find_class_names, read_lines
from keras_cnn_zoo.data.readers.folders import check_folder
from keras_cnn_zoo.data.source import SPLIT_NAMES, Found, Split
from keras_cnn_zoo.data.survey import survey
from keras_cnn_zoo.utils.characters import ALPHABET
from keras_cnn_zoo.utils.errors import InputError

TASKS = ("text",)


def read(path, options):
    """Finds the tables in the folder `path` and the pictures that they name."""
    check_folder(path)
    tables = [name for name in SPLIT_NAMES if os.path.isfile(os.path.join(path, f"{name}.tsv"))]
    if not tables:
        wanted = ", ".join(f"{name}.tsv" for name in SPLIT_NAMES)
        raise InputError(f"{path} holds none of {wanted}")
    alphabet = alphabet_of(find_class_names(path, options))
    items, channels, skipped = {}, [], []
    for name in tables:
        look = functools.partial(_look, path, alphabet, options.skip_bad)
        _, looks, bad = survey(_lines(path, name, options.encoding), look, skip_bad=options.skip_bad)
        items[name] = [(picture, text) for picture, text, _ in looks]
        channels.extend(info.channels for _, _, info in looks)
        skipped.extend(bad)
    shared = max(channels, default=3)
    return Found(
        splits={name: _split(path, found, shared) for name, found in items.items()},
        class_names=alphabet,
        channels=shared,
        skipped=tuple(skipped),
        mirror=False,
    )


def alphabet_of(names):
    """The characters that a user named, or the default alphabet for None."""
    if names is None:
        return ALPHABET
    long = [name for name in names if len(name) != 1]
    if long:
        raise InputError(f"the class names of text are single characters. Received: {long[0]!r}")
    return tuple(names)


def in_alphabet(text, alphabet, where):
    """`text` as the alphabet has it, or an `InputError` that begins with `where`."""
    if not text:
        raise InputError(f"{where} has an empty text")
    if all(character == character.lower() for character in alphabet):
        text = text.lower()
    unknown = [character for character in text if character not in alphabet]
    if unknown:
        raise InputError(
            f"{where}: {unknown[0]!r} is not in the alphabet {''.join(alphabet)}. Received: {text!r}"
        )
    return text


def _split(path, items, channels):
    def read_example(position):
        picture, text = items[position]
        return {"image": image_files.decode(os.path.join(path, picture), channels=channels), "text": text}

    return Split([picture for picture, _ in items], read_example)


def _lines(path, split_name, encoding):
    """(place of the line, line) of a table, empty lines left out."""
    table = os.path.join(path, f"{split_name}.tsv")
    numbered = enumerate(read_lines(table, encoding), start=1)
    return [(f"{table} line {number}", line) for number, line in numbered if line.strip()]


def _look(path, alphabet, whole, item):
    """(picture, text, header of the picture) of a line."""
    where, line = item
    picture, tab, text = line.partition("\t")
    if not tab or not picture:
        raise InputError(f"{where} must be `picture<TAB>text`. Received: {line!r}")
    text = in_alphabet(text.strip(), alphabet, where)
    file = os.path.join(path, picture)
    if not os.path.isfile(file):
        raise InputError(f"{where} names {file}, which is not there")
    info = image_files.inspect(file)
    if whole:
        image_files.decode(file)
    return picture, text, info
