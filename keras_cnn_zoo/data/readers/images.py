"""`images:PATH`: the class of an image is its folder. The class folders may be in train, val, and test."""

import os

from keras_cnn_zoo.data.files import images as image_files
from keras_cnn_zoo.data.readers.class_order import class_order
from keras_cnn_zoo.data.readers.folders import check_folder, picture_files, split_folders, visible_folders
from keras_cnn_zoo.data.splits import UNSPLIT
from keras_cnn_zoo.data.survey import shared_channels, survey
from keras_cnn_zoo.utils.errors import InputError

TASKS = ("classification",)


def read(path, options):
    """Finds the images below the folder `path`."""
    check_folder(path)
    folders = _splits_of(path) or {UNSPLIT: None}
    items = {name: _pictures(path, folder) for name, folder in folders.items()}

    def look(item):
        return image_files.inspect(os.path.join(path, item[0]), whole=options.skip_bad)

    seen = survey(items, look, skip_bad=options.skip_bad)
    class_names, index, notes = class_order(
        path,
        sorted({folder for _, folder in seen.all_items()}),
        options,
        noun="images",
        place="folder",
        order="sorted order of the folders",
    )
    channels = shared_channels(seen.all_looks())

    def example(row):
        image = image_files.decode(os.path.join(path, row[0]), channels=channels)
        return {"image": image, "label": row[1]}

    return seen.found(
        example,
        class_names,
        row=lambda item, _: (item[0], index[item[1]]),
        label=lambda row: row[1],
        channels=channels,
        notes=notes,
    )


def _splits_of(path):
    """Returns a dict from split to its folder in `path`. If it has any, no other folder may have images."""
    splits = split_folders(path)
    if splits:
        others = [name for name in visible_folders(path) if name not in splits.values()]
        stray = [name for name in others if picture_files(os.path.join(path, name))]
        if stray:
            named = ", ".join(splits.values())
            raise InputError(
                f"{path} must not mix split folders ({named}) with other folders of images. "
                f"Received: {', '.join(stray)}"
            )
    return splits


def _pictures(path, split_folder):
    """Returns sorted pairs (path relative to `path`, class folder)."""
    base = path if split_folder is None else os.path.join(path, split_folder)
    prefix = "" if split_folder is None else split_folder + "/"
    found = []
    for file in picture_files(base):
        folder = file.rpartition("/")[0]
        if not folder:
            raise InputError(f"{os.path.join(base, file)} is not in a class folder")
        found.append((prefix + file, folder))
    return found
