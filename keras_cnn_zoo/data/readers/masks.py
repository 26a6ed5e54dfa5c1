"""`masks:PATH`: pictures in `images/`, one index PNG each in `labels/`, or train, val, test over both.

Partners share their path below `images/` and `labels/` up to the extension. The values of every mask
are looked at once when the data is opened, so that a wrong one ends a run before it starts.
"""

import functools
import os

from keras_cnn_zoo.data.files import images as image_files
from keras_cnn_zoo.data.files.masks import check_values, count_classes, values_of
from keras_cnn_zoo.data.files.text import CLASSES_FILE, find_class_names
from keras_cnn_zoo.data.readers.folders import check_folder, picture_files, split_folders
from keras_cnn_zoo.data.source import Found, Split
from keras_cnn_zoo.data.splits import UNSPLIT, check_not_empty
from keras_cnn_zoo.data.survey import survey
from keras_cnn_zoo.utils.errors import InputError

TASKS = ("segmentation",)
IMAGES, LABELS = "images", "labels"


def read(path, options):
    """Finds the pairs below the folder `path`."""
    check_folder(path)
    pairs, values, channels, skipped = {}, {}, [], []
    for name in split_folders(path) or [UNSPLIT]:
        look = functools.partial(_look, path, options.skip_bad)
        pairs[name], looks, bad = survey(_pairs(path, name), look, skip_bad=options.skip_bad)
        check_not_empty(path, name, pairs[name], skipped=bad)
        values[name] = dict(zip(pairs[name], [mask_values for _, mask_values in looks], strict=True))
        channels.extend(info.channels for info, _ in looks)
        skipped.extend(bad)
    class_names, notes = _class_names(path, options, values)
    for name in pairs:

        def check(pair, of_split=values[name]):
            where = os.path.join(path, pair[1])
            check_values(of_split[pair], len(class_names), options.ignore_label, where)

        pairs[name], _, bad = survey(pairs[name], check, skip_bad=options.skip_bad)
        skipped.extend(bad)
    shared = max(channels, default=3)
    return Found(
        splits={name: _split(path, found, shared) for name, found in pairs.items()},
        class_names=class_names,
        channels=shared,
        notes=notes,
        skipped=tuple(skipped),
    )


def _split(path, pairs, channels):
    def read_example(position):
        image_name, mask_name = pairs[position]
        image = image_files.decode(os.path.join(path, image_name), channels=channels)
        return {"image": image, "mask": image_files.decode_index(os.path.join(path, mask_name))}

    return Split([image_name for image_name, _ in pairs], read_example)


def _pairs(path, split_name):
    """(image, mask) paths relative to `path`, sorted by image."""
    base = "" if split_name == UNSPLIT else split_name + "/"
    for folder in (IMAGES, LABELS):
        check_folder(os.path.join(path, base + folder))
    images = _by_stem(path, base + IMAGES)
    # Other picture kinds are listed too, so that a JPEG among the masks is refused and not overlooked.
    masks = _by_stem(path, base + LABELS)
    for stem, image_name in images.items():
        if stem not in masks:
            wanted = os.path.join(path, base + LABELS, stem + ".png")
            raise InputError(f"{os.path.join(path, image_name)} has no mask: expected {wanted}")
    for stem, mask_name in masks.items():
        mask_path = os.path.join(path, mask_name)
        if stem not in images:
            raise InputError(f"{mask_path} has no picture of that stem in {base + IMAGES}")
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
    """Header of the picture and values of the mask of one pair, whose sizes must agree."""
    image_path, mask_path = (os.path.join(path, name) for name in pair)
    info = image_files.inspect(image_path)
    if whole:
        image_files.decode(image_path)
    status = os.stat(mask_path)
    shape, values = _mask_facts(mask_path, status.st_mtime_ns, status.st_size)
    if (info.height, info.width) != shape:
        raise InputError(
            f"{mask_path} is {shape[1]} x {shape[0]} pixels and its picture {image_path} is "
            f"{info.width} x {info.height}"
        )
    return info, values


@functools.lru_cache(maxsize=100_000)
def _mask_facts(mask_path, _modified, _size):
    mask = image_files.decode_index(mask_path)
    return mask.shape, values_of(mask)


def _class_names(path, options, values):
    """Names from the user or `classes.txt`, else numbers up to the largest value in train."""
    names = find_class_names(path, options)
    if names is None:
        # Without train, which is data to evaluate on, every split speaks.
        splits = [values[name] for name in ("train", UNSPLIT) if name in values] or values.values()
        found = {value for split in splits for mask_values in split.values() for value in mask_values}
        count = count_classes(found, options.ignore_label, path)
        return tuple(str(value) for value in range(count)), ()
    if options.class_names is None and options.ignore_label == len(names) - 1:
        note = f"{CLASSES_FILE} names the ignored label {options.ignore_label} ({names[-1]}) too: not a class"
        return names[:-1], (note,)
    return names, ()
