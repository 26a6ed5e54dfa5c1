"""Lists the user's folders in an order that does not depend on the file system."""

import os

from keras_cnn_zoo.data.files.images import is_picture
from keras_cnn_zoo.data.source import SPLIT_NAMES
from keras_cnn_zoo.utils.errors import InputError


def check_folder(path):
    """Returns `path`. Raises an `InputError` if it is not a folder."""
    if not os.path.isdir(path):
        what = "is not a folder" if os.path.exists(path) else "does not exist"
        raise InputError(f"folder {path} {what}")
    return path


def visible_files(path):
    """Returns the sorted names of the files directly in `path`, without hidden ones."""
    with os.scandir(path) as entries:
        return sorted(entry.name for entry in entries if entry.is_file() and not entry.name.startswith("."))


def split_files(path, extension):
    """Returns a dict from split to the path of `train.txt`, ... in `path`, for those that exist."""
    files = {name: os.path.join(path, name + extension) for name in SPLIT_NAMES}
    return {name: file for name, file in files.items() if os.path.isfile(file)}


def visible_folders(path):
    """Returns the sorted names of the folders directly in `path`, without hidden ones."""
    with os.scandir(path) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def split_folders(path):
    """Returns the names among train, val, and test that are folders in `path`, in this order."""
    folders = visible_folders(path)
    return [name for name in SPLIT_NAMES if name in folders]


def picture_files(folder, accept=is_picture):
    """Returns the sorted paths of the images at any depth in `folder`, relative, with forward slashes."""
    found = []
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        relative = os.path.relpath(parent, folder)
        inside = [] if relative == os.curdir else relative.split(os.sep)
        found.extend("/".join([*inside, name]) for name in files if accept(name))
    return sorted(found)
