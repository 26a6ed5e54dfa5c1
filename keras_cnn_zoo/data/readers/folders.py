"""Lists the user's folders in an order that does not depend on the file system."""

import os

from keras_cnn_zoo.data.files.images import is_picture
from keras_cnn_zoo.data.split_words import by_split
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
    """Returns a dict from split to the path of `train.txt`, `valid.txt`, ... in `path`, if there are any."""
    parts = [os.path.splitext(name) for name in (visible_files(path) if os.path.isdir(path) else ())]
    found = by_split([stem for stem, suffix in parts if suffix.lower() == extension], path)
    files = {stem: stem + suffix for stem, suffix in parts if suffix.lower() == extension}
    return {split: os.path.join(path, files[stem]) for split, stem in found.items()}


def visible_folders(path):
    """Returns the sorted names of the folders directly in `path`, without hidden ones."""
    with os.scandir(path) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))


def split_folders(path):
    """Returns a dict from split to the folder in `path` that holds it, such as {"val": "Valid"}."""
    return by_split(visible_folders(path), path)


def picture_files(folder, accept=is_picture):
    """Returns the sorted paths of the images at any depth in `folder`, relative, with forward slashes."""
    found = []
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        relative = os.path.relpath(parent, folder)
        inside = [] if relative == os.curdir else relative.split(os.sep)
        found.extend("/".join([*inside, name]) for name in files if accept(name))
    return sorted(found)
