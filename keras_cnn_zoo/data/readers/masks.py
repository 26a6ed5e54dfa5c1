"""`masks:PATH`: images in `images/` and one index PNG for each in `labels/`, or both in train, val, and test.

An image and its mask have the same path below `images/` and `labels/`, except for the extension. The values
of all masks are checked when the data is opened, so that a wrong one stops a run before it starts.
"""

import functools
import os

from keras_cnn_zoo.data.files import images as image_files
from keras_cnn_zoo.data.files.masks import check_values, numbered_classes, values_of
from keras_cnn_zoo.data.files.text import CLASSES_FILE, find_class_names
from keras_cnn_zoo.data.readers.folders import check_folder, picture_files, split_folders
from keras_cnn_zoo.data.splits import UNSPLIT
from keras_cnn_zoo.data.survey import shared_channels, survey
from keras_cnn_zoo.utils.errors import InputError

TASKS = ("segmentation",)
IMAGES, LABELS = "images", "labels"


def read(path, options):
    """Finds the pairs below the folder `path`."""
    check_folder(path)
    bases = {name: f"{folder}/" for name, folder in split_folders(path).items()} or {UNSPLIT: ""}
    pairs = {name: _pairs(path, base) for name, base in bases.items()}
    seen = survey(pairs, functools.partial(_look, path, options.skip_bad), skip_bad=options.skip_bad)
    seen.check_not_empty(path)
    channels = shared_channels(info for info, _ in seen.all_looks())
    class_names, notes = _class_names(path, options, seen.looks)

    def check(pair, look):
        check_values(look[1], len(class_names), options.ignore_label, os.path.join(path, pair[1]))

    def example(pair):
        image_path, mask_path = (os.path.join(path, name) for name in pair)
        image = image_files.decode(image_path, channels=channels)
        return {"image": image, "mask": image_files.decode_index(mask_path)}

    return seen.again(check).found(example, class_names, channels=channels, notes=notes)


def _pairs(path, base):
    """Returns (image, mask) paths relative to `path`, sorted by image; `base` is "" or "FOLDER/"."""
    for folder in (IMAGES, LABELS):
        check_folder(os.path.join(path, base + folder))
    images = _by_stem(path, base + IMAGES)
    # Other image types are listed too, so that a JPEG among the masks is refused, not ignored.
    masks = _by_stem(path, base + LABELS)
    for stem, image_name in images.items():
        if stem not in masks:
            wanted = os.path.join(path, base + LABELS, stem + ".png")
            raise InputError(f"{os.path.join(path, image_name)} has no mask: expected {wanted}")
    for stem, mask_name in masks.items():
        mask_path = os.path.join(path, mask_name)
        if stem not in images:
            raise InputError(f"{mask_path} has no image with the same stem in {base + IMAGES}")
        if not mask_name.lower().endswith(".png"):
            raise InputError(f"a mask must be an index PNG. Received: {mask_path}")
    return [(images[stem], masks[stem]) for stem in sorted(images)]


def _by_stem(path, folder):
    stems = {}
    for file in picture_files(os.path.join(path, folder)):
        stem = os.path.splitext(file)[0]
        if stem in stems:
            raise InputError(f"two files share the stem {stem!r} in {os.path.join(path, folder)}")
        stems[stem] = f"{folder}/{file}"
    return stems


def _look(path, whole, pair):
    """Returns the header of the image and the values of the mask, after checking that the sizes agree."""
    image_path, mask_path = (os.path.join(path, name) for name in pair)
    info = image_files.inspect(image_path, whole=whole)
    status = os.stat(mask_path)
    shape, values = _mask_facts(mask_path, status.st_mtime_ns, status.st_size)
    if (info.height, info.width) != shape:
        raise InputError(
            f"{mask_path} is {shape[1]} x {shape[0]} pixels and its image {image_path} is "
            f"{info.width} x {info.height}"
        )
    return info, values


@functools.lru_cache(maxsize=100_000)
def _mask_facts(mask_path, _modified, _size):
    mask = image_files.decode_index(mask_path)
    return mask.shape, values_of(mask)


def _class_names(path, options, looks):
    """Returns names from the user or `classes.txt`, else numbers, and lines to report."""
    names = find_class_names(path, options)
    if names is None:
        values = {name: [of_mask for _, of_mask in of_split] for name, of_split in looks.items()}
        return numbered_classes(values, options.ignore_label, path), ()
    if options.class_names is None and options.ignore_label == len(names) - 1:
        note = f"{CLASSES_FILE} names the ignored label {options.ignore_label} ({names[-1]}): not a class"
        return names[:-1], (note,)
    return names, ()
