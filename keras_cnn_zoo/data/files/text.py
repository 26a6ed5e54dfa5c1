"""Reads small text files of the user: class names and lists of splits."""

import codecs
import os

from keras_cnn_zoo.data.files import yaml_files
from keras_cnn_zoo.utils.errors import InputError

CLASSES_FILE = "classes.txt"


def check_encoding(encoding):
    """Raises an `InputError` if Python has no text encoding of this name."""
    try:
        codecs.lookup(encoding)
        # Codecs that are not of text, such as base64, fail here. So does "undefined", which always fails.
        "".encode(encoding)
    except (LookupError, TypeError, ValueError) as error:
        raise InputError(
            "`encoding` must be utf-8 or another name of Python's: unknown text encoding. "
            f"Received: {encoding!r}"
        ) from error


def read_text(path, encoding):
    """Returns the text of a file with its line ends, without a byte order mark."""
    try:
        with open(path, "rb") as file:
            text = file.read().decode(encoding)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeError as error:
        # Only a `UnicodeDecodeError` knows the place.
        place = f" (byte {error.start})" if hasattr(error, "start") else ""
        raise InputError(
            f"{path} is not {encoding} text{place}. Name its encoding with `encoding`"
        ) from error
    return text.removeprefix("\ufeff")


def read_lines(path, encoding):
    """Returns the lines of a text file without their ends."""
    return read_text(path, encoding).splitlines()


def filled_lines(path, encoding):
    """Returns pairs (number from 1, line) of the non-empty lines of a text file."""
    numbered = enumerate(read_lines(path, encoding), start=1)
    return [(number, line) for number, line in numbered if line.strip()]


def find_class_names(folder, options):
    """Returns the user's class names, else those of `classes.txt` or `data.yaml` in `folder`, else None."""
    if options.class_names is not None:
        return options.class_names
    path = os.path.join(folder, CLASSES_FILE)
    if not os.path.isfile(path):
        return _yaml_names(os.path.join(folder, yaml_files.DATA_FILE), options.encoding)
    names = tuple(line.strip() for line in read_lines(path, options.encoding) if line.strip())
    if not names:
        raise InputError(f"{path} has no class names")
    doubled = [name for name in names if names.count(name) > 1]
    if doubled:
        raise InputError(f"{path} names a class twice. Received: {doubled[0]!r}")
    return names


def _yaml_names(path, encoding):
    if not os.path.isfile(path):
        return None
    return yaml_files.class_names(yaml_files.parse(read_text(path, encoding), path), path)
