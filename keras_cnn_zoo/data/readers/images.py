"""`images:PATH`: the class of a picture is the folder that holds it, with train, val, test above or not."""

import functools
import os

from keras_cnn_zoo.data.files import images as image_files
from keras_cnn_zoo.data.files.text import CLASSES_FILE, find_class_names
from keras_cnn_zoo.data.readers.folders import check_folder, picture_files, split_folders, visible_folders
from keras_cnn_zoo.data.source import Found, Split
from keras_cnn_zoo.data.splits import UNSPLIT
from keras_cnn_zoo.data.survey import survey
from keras_cnn_zoo.utils.errors import InputError

TASKS = ("classification",)


def read(path, options):
    """Finds the pictures below the folder `path`."""
    check_folder(path)
    items, channels, skipped = {}, [], []
    for name in _splits_of(path) or [UNSPLIT]:
        look = functools.partial(_look, path, options.skip_bad)
        items[name], looks, bad = survey(_pictures(path, name), look, skip_bad=options.skip_bad)
        channels.extend(info.channels for info in looks)
        skipped.extend(bad)
    folders = sorted({folder for found in items.values() for _, folder in found})
    class_names, index, notes = _classes(path, folders, options)
    shared = max(channels, default=3)
    return Found(
        splits={name: _split(path, found, index, shared) for name, found in items.items()},
        class_names=class_names,
        channels=shared,
        notes=notes,
        skipped=tuple(skipped),
    )


def _split(path, items, index, channels):
    labels = [index[folder] for _, folder in items]

    def read_example(position):
        image = image_files.decode(os.path.join(path, items[position][0]), channels=channels)
        return {"image": image, "label": labels[position]}

    return Split([name for name, _ in items], read_example, labels=labels)


def _splits_of(path):
    """The split folders in `path`, which then may hold no others with pictures."""
    splits = split_folders(path)
    if splits:
        others = [name for name in visible_folders(path) if name not in splits]
        stray = [name for name in others if picture_files(os.path.join(path, name))]
        if stray:
            raise InputError(
                f"{path} mixes split folders ({', '.join(splits)}) with other folders of pictures. "
                f"Received: {', '.join(stray)}"
            )
    return splits


def _pictures(path, split_name):
    """(path relative to `path`, class folder), sorted."""
    base = path if split_name == UNSPLIT else os.path.join(path, split_name)
    prefix = "" if split_name == UNSPLIT else split_name + "/"
    found = []
    for file in picture_files(base):
        folder = file.rpartition("/")[0]
        if not folder:
            raise InputError(f"{os.path.join(base, file)} lies in no class folder")
        found.append((prefix + file, folder))
    return found


def _look(path, whole, item):
    file = os.path.join(path, item[0])
    info = image_files.inspect(file)
    if whole:
        image_files.decode(file)
    return info


def _classes(path, folders, options):
    """Class names, a dict from folder to class, and lines to say aloud."""
    names = find_class_names(path, options)
    if names is None:
        names = tuple(folders)
    where = CLASSES_FILE if options.class_names is None else "--class-names"
    notes = ()
    if set(folders) <= set(names):
        index = {name: position for position, name in enumerate(names)}
        absent = [name for name in names if name not in folders]
        if absent:
            notes = (f"no pictures of {', '.join(absent)}",)
    elif len(folders) == len(names) and not set(folders) & set(names):
        index = {name: position for position, name in enumerate(folders)}
        renamed = ", ".join(f"{folder} = {name}" for folder, name in zip(folders, names, strict=True))
        notes = (f"classes named by {where} in sorted order of the folders: {renamed}",)
    else:
        unnamed = [folder for folder in folders if folder not in names]
        raise InputError(
            f"{where} does not name the folder {unnamed[0]!r} of {path}. It names: {', '.join(names)}"
        )
    if folders and len(names) < 2:
        raise InputError(f"{path} has one class only, {names[0]!r}: a classifier needs two or more")
    return names, index, notes
