"""Lists the user's folders in an order that does not depend on the file system."""

import os

from keras_cnn_zoo.data.files.images import is_picture
from keras_cnn_zoo.utils.errors import InputError

# Files and folders that systems and archivers write next to the data.
_CLUTTER = ("__macosx", "desktop.ini", "thumbs.db")


def is_ignored(name):
    """Returns whether the name of a file or folder is hidden, or that of something no user put there."""
    return name.startswith(".") or name.casefold() in _CLUTTER


def check_folder(path):
    """Returns `path`. Raises an `InputError` if it is not a folder."""
    if not os.path.isdir(path):
        what = "is not a folder" if os.path.exists(path) else "does not exist"
        raise InputError(f"folder {path} {what}")
    return path


def visible_files(path):
    """Returns the sorted names of the files directly in `path`, without hidden ones."""
    with os.scandir(path) as entries:
        return sorted(entry.name for entry in entries if entry.is_file() and not is_ignored(entry.name))


def visible_folders(path):
    """Returns the sorted names of the folders directly in `path`, without hidden ones."""
    with os.scandir(path) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not is_ignored(entry.name))


def picture_files(folder, accept=is_picture):
    """Returns the sorted paths of the images at any depth in `folder`, relative, with forward slashes."""
    found = []
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not is_ignored(name)]
        relative = os.path.relpath(parent, folder)
        inside = [] if relative == os.curdir else relative.split(os.sep)
        found.extend("/".join([*inside, name]) for name in files if accept(name) and not is_ignored(name))
    return sorted(found)
