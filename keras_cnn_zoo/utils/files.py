"""Atomic writing of files, where an interrupted write keeps the old file, and the files of an input."""

import contextlib
import os

from keras_cnn_zoo.utils.console import say
from keras_cnn_zoo.utils.errors import InputError


@contextlib.contextmanager
def atomic_path(path):
    """Yields a temporary path next to `path`, which replaces `path` in one step when the block succeeds.

    A full disk or a kill does not change the file at `path`.
    """
    temporary = f"{path}.{os.getpid()}.partial"
    # Keras chooses the format by the suffix.
    suffix = "".join(part for part in (".weights.h5", ".keras") if str(path).endswith(part))
    temporary += suffix
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)


def write_text(path, text):
    """Writes a small text file atomically."""
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
        file.write(text)


def files_of(inputs):
    """Returns the paths in `inputs`; a folder is replaced by the files directly in it, sorted by name.

    Raises:
        InputError: for a path that does not exist, or if no file is left.
    """
    files = []
    for item in map(str, inputs):
        if os.path.isdir(item):
            names = sorted(name for name in os.listdir(item) if not name.startswith("."))
            paths = [os.path.join(item, name) for name in names]
            folders = set(filter(os.path.isdir, paths))
            files.extend(path for path in paths if path not in folders)
            if folders:
                say(f"{item}: {len(folders)} folders in it are not read")
        elif os.path.isfile(item):
            files.append(item)
        else:
            # A pipe could be read only once.
            there = os.path.exists(item)
            raise InputError(f"{item} {'is neither a file nor a folder' if there else 'does not exist'}")
    if not files:
        raise InputError(f"no files in {', '.join(map(str, inputs))}")
    return files
