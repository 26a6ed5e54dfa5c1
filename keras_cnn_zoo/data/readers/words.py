"""`words:PATH`: `train.tsv`, `val.tsv`, `test.tsv` of lines `picture<TAB>text`, with the images next to them.

Texts become lowercase if the alphabet has no capitals. The default alphabet is 0-9 and a-z, in which words
are usually compared.
"""

import os
import posixpath

from keras_cnn_zoo.data.files import images as image_files
from keras_cnn_zoo.data.files.text import filled_lines, find_class_names
from keras_cnn_zoo.data.left_out import left_out
from keras_cnn_zoo.data.readers.folders import picture_files, visible_files
from keras_cnn_zoo.data.readers.numbering import distinct_names
from keras_cnn_zoo.data.readers.split_layout import read_inside, split_files
from keras_cnn_zoo.data.source import SPLIT_NAMES
from keras_cnn_zoo.data.survey import shared_channels, survey
from keras_cnn_zoo.utils.characters import ALPHABET
from keras_cnn_zoo.utils.errors import InputError

TASKS = ("text",)
_TABLE = ".tsv"


def read(path, options):
    """Finds the tables in the folder `path` and the images that they name."""
    return read_inside(path, options, lambda folder: split_files(folder, _TABLE), _read)


def _read(path, options):
    tables = split_files(path, _TABLE)
    if not tables:
        wanted = ", ".join(f"{name}{_TABLE}" for name in SPLIT_NAMES)
        held = ", ".join(visible_files(path)[:5])
        raise InputError(f"{path} must have one of {wanted}" + (f". It has: {held}" if held else ""))
    alphabet = alphabet_of(find_class_names(path, options))
    lines = {
        name: [(f"{table} line {number}", line) for number, line in filled_lines(table, options.encoding)]
        for name, table in tables.items()
    }
    seen = survey(
        lines, lambda item: _look(path, alphabet, options.skip_bad, item), skip_bad=options.skip_bad
    )
    channels = shared_channels(info for _, _, info in seen.all_looks())
    names, shared = distinct_names({name: [look[0] for look in looks] for name, looks in seen.looks.items()})
    unused = [
        f"{path}/{name} is not used: its name is not that of a split" for name in _other_tables(path, tables)
    ]
    listed = {_picture(path, line.partition("\t")[0]) for of_split in lines.values() for _, line in of_split}
    others = [name for name in picture_files(path) if name not in listed]

    def example(row):
        return {"image": image_files.decode(os.path.join(path, row[0]), channels=channels), "text": row[1]}

    found = seen.found(
        example,
        alphabet,
        row=lambda _, look: look[:2],
        name=lambda _, look: look[0],
        channels=channels,
        notes=(*unused, *shared, *left_out(others, "image", "in no table")),
        mirror=False,
    )
    for name, split in found.splits.items():
        split.names = names[name]
    return found


def _other_tables(path, tables):
    used = {os.path.basename(table) for table in tables.values()}
    return [name for name in visible_files(path) if name.lower().endswith(_TABLE) and name not in used]


def _picture(path, written):
    """Returns the path of an image as a table has it, without "./" and the separators of Windows."""
    name = posixpath.normpath(written)
    if "\\" in name and not os.path.isfile(os.path.join(path, name)):
        name = posixpath.normpath(name.replace("\\", "/"))
    return name


def alphabet_of(names):
    """Returns the user's characters as a tuple, or the default alphabet for None."""
    if names is None:
        return ALPHABET
    long = [name for name in names if len(name) != 1]
    if long:
        raise InputError(f"class names of text must be single characters. Received: {long[0]!r}")
    return tuple(names)


def in_alphabet(text, alphabet, where):
    """Returns `text` in the alphabet's case. Raises an `InputError` if it is not in the alphabet."""
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


def _look(path, alphabet, whole, item):
    """Returns (image, text, header of the image) of a line."""
    where, line = item
    picture, tab, text = line.partition("\t")
    if not tab or not picture:
        raise InputError(f"{where} must be `picture<TAB>text`. Received: {line!r}")
    text = in_alphabet(text.strip(), alphabet, where)
    picture = _picture(path, picture)
    file = os.path.join(path, picture)
    if not os.path.isfile(file):
        raise InputError(f"{where} names {file}, which does not exist")
    return picture, text, image_files.inspect(file, whole=whole)
