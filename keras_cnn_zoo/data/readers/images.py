"""`images:PATH`: the class of an image is its folder. The class folders may be in train, val, and test."""

import collections
import os

from keras_cnn_zoo.data.files import images as image_files
from keras_cnn_zoo.data.files.text import find_class_names
from keras_cnn_zoo.data.left_out import counted
from keras_cnn_zoo.data.readers.class_order import class_order
from keras_cnn_zoo.data.readers.folders import check_folder
from keras_cnn_zoo.data.readers.picture_folders import list_pictures, nothing_found, picture_notes
from keras_cnn_zoo.data.readers.split_layout import check_no_hidden_splits, find_splits
from keras_cnn_zoo.data.splits import UNSPLIT
from keras_cnn_zoo.data.survey import shared_channels, survey
from keras_cnn_zoo.utils.errors import InputError

TASKS = ("classification",)


def read(path, options):
    """Finds the images below the folder `path`."""
    prefix, splits, listed = picture_splits(path)
    items = {
        name: [(file, _class_of(path, file, folder)) for file in listed.within(folder)]
        for name, folder in splits.items()
    }
    for folder, found in zip(splits.values(), items.values(), strict=True):
        check_no_hidden_splits(os.path.join(path, folder), {class_folder for _, class_folder in found})

    def look(item):
        return image_files.inspect(os.path.join(path, item[0]), whole=options.skip_bad)

    seen = survey(items, look, skip_bad=options.skip_bad)
    class_names, index, notes = class_order(
        _names_folder(path, prefix, options),
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
        notes=(
            *picture_notes(listed, places=splits.values()),
            *_lost_classes(items, seen),
            *notes,
        ),
    )


def picture_splits(path):
    """Lists the images below the folder `path` and finds its splits.

    Returns:
        The prefix of the folder that has the splits, "" or "FOLDER/"; a dict from split, or `UNSPLIT` alone,
        to its folder relative to `path`; and the `Pictures` of `path`.

    Raises:
        InputError: There are no images, or images are next to the split folders.
    """
    listed = list_pictures(check_folder(path))
    if not listed.files:
        raise InputError(f"{path} has no examples" + nothing_found(listed))
    prefix, splits = find_splits(path, listed.folders_in)
    if not splits:
        return "", {UNSPLIT: ""}, listed
    inside = tuple(folder + "/" for folder in splits.values())
    stray = [file for file in listed.files if not file.startswith(inside)]
    if stray:
        named = ", ".join(splits.values())
        places = sorted({file.removeprefix(prefix).split("/")[0] for file in stray})
        raise InputError(
            f"{path} must not mix split folders ({named}) with other folders of images. "
            f"Received: {', '.join(places)}"
        )
    return prefix, splits, listed


def _class_of(path, file, split_folder):
    folder = file.removeprefix(split_folder + "/" if split_folder else "").rpartition("/")[0]
    if not folder:
        raise InputError(f"{os.path.join(path, file)} is not in a class folder")
    return folder


def _names_folder(path, prefix, options):
    """Returns the folder whose class names count: `path`, or else the one that has the splits."""
    if not prefix or find_class_names(path, options) is not None:
        return path
    return os.path.join(path, prefix[:-1])


def _lost_classes(items, seen):
    """Returns lines on classes of which no image can be used."""
    before = collections.Counter(folder for found in items.values() for _, folder in found)
    after = {folder for _, folder in seen.all_items()}
    return tuple(
        f"the class {folder} is left out: none of its {counted(count, 'image')} can be read"
        for folder, count in sorted(before.items())
        if folder not in after
    )
