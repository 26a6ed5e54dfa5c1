"""`masks:PATH`: images in `images/` and a mask for each in `labels/` or `masks/`, also below split folders.

An image and its mask have the same path below the two folders, except for the extension. The values of all
masks are checked when the data is opened, so that a wrong one stops a run before it starts.
"""

import dataclasses
import functools
import os

import numpy as np

from keras_cnn_zoo.data.files import images as image_files
from keras_cnn_zoo.data.files.masks import MaskClasses, mask_classes, values_of
from keras_cnn_zoo.data.files.palettes import read_palette
from keras_cnn_zoo.data.files.text import CLASSES_FILE, find_class_names
from keras_cnn_zoo.data.left_out import counted, first_few
from keras_cnn_zoo.data.readers.folders import check_folder, visible_folders
from keras_cnn_zoo.data.readers.numbered_names import numbered_names
from keras_cnn_zoo.data.readers.picture_folders import SHOWN, list_pictures, picture_notes
from keras_cnn_zoo.data.readers.split_layout import find_splits, single_folders, split_folders
from keras_cnn_zoo.data.split_words import probable_split
from keras_cnn_zoo.data.splits import UNSPLIT
from keras_cnn_zoo.data.survey import shared_channels, survey
from keras_cnn_zoo.utils.errors import InputError

TASKS = ("segmentation",)
IMAGES, LABELS, MASKS = "images", "labels", "masks"
_UPRIGHT = 1


def read(path, options):
    """Finds the pairs below the folder `path`."""
    listed = list_pictures(check_folder(path))
    palette = None if options.palette is None else read_palette(options.palette, options.encoding)
    prefix, places = _places(path, listed)
    pairs = {split: _pairs(path, listed, *folders) for split, folders in places.items()}
    seen = survey(pairs, functools.partial(_look, path, palette, options.skip_bad), skip_bad=options.skip_bad)
    seen.check_not_empty(path)
    channels = shared_channels(info for info, _, _ in seen.all_looks())
    values = {name: [of_mask for _, of_mask, _ in looks] for name, looks in seen.looks.items()}
    classes = _classes(path, prefix, values, palette, options)

    def check(pair, look):
        classes.check(look[1], options.ignore_label, os.path.join(path, pair[1]))
        return look

    def example(row):
        image_path, mask_path = (os.path.join(path, name) for name in row[:2])
        image = image_files.decode(image_path, channels=channels)
        mask = image_files.turned(classes.of_mask(_decode(mask_path, palette)), row[2])
        return {"image": image, "mask": np.ascontiguousarray(mask)}

    return seen.again(check).found(
        example,
        classes.names,
        row=lambda pair, look: (*pair, look[2]),
        channels=channels,
        notes=(*_left_out(listed, places), *classes.notes),
    )


# --- folders ------------------------------------------------------------------------------------------------
def _places(path, listed):
    """Finds the folders of images and masks.

    Returns:
        The prefix of the folder that has them or the splits, and a dict from split, or `UNSPLIT` alone, to a
        pair of folders relative to `path`.
    """

    def folders_in(prefix):
        folders = visible_folders(os.path.join(path, prefix))
        return [] if {name.casefold() for name in folders} & {IMAGES, LABELS, MASKS} else folders

    prefix, splits = find_splits(path, folders_in)
    if not splits:
        *_, prefix = single_folders(path, folders_in)
        return prefix, _inner_splits(path, prefix, listed)
    here = os.path.join(path, prefix[:-1])
    mixed = [
        name
        for name in visible_folders(here)
        if prefix + name not in splits.values()
        and (name.casefold() in (IMAGES, LABELS, MASKS) or probable_split(name) is not None)
    ]
    if mixed:
        raise InputError(
            f"{here} must not mix split folders ({', '.join(splits.values())}) with other folders of images. "
            f"Received: {', '.join(mixed)}"
        )
    return prefix, {split: _two_folders(path, folder + "/") for split, folder in splits.items()}


def _inner_splits(path, prefix, listed):
    """Returns the places of pairs without splits above them, which may have splits in them."""
    folders = _two_folders(path, prefix)
    splits = [split_folders(os.path.join(path, folder)) for folder in folders]
    if not any(splits):
        return {UNSPLIT: folders}
    images, labels = (os.path.join(path, folder) for folder in folders)
    named = [", ".join(of_folder.values()) or "none" for of_folder in splits]
    if set(splits[0]) != set(splits[1]):
        raise InputError(
            f"{images} and {labels} must have the same split folders. Received: {named[0]} and {named[1]}"
        )
    for folder, of_folder, names in zip(folders, splits, named, strict=True):
        inside = tuple(f"{folder}/{name}/" for name in of_folder.values())
        stray = [file for file in listed.within(folder) if not file.startswith(inside)]
        if stray:
            raise InputError(
                f"{os.path.join(path, folder)} must not mix split folders ({names}) with other images. "
                f"Received: {first_few(stray, SHOWN)}"
            )
    return {
        split: tuple(
            f"{folder}/{of_folder[split]}" for folder, of_folder in zip(folders, splits, strict=True)
        )
        for split in splits[0]
    }


def _two_folders(path, base):
    """Returns the folders of images and of masks in `base`, "" or "FOLDER/", relative to `path`."""
    here = os.path.join(path, base[:-1])
    held = visible_folders(here)
    found = []
    for words in ((IMAGES,), (LABELS, MASKS)):
        names = [name for name in held if name.casefold() in words]
        if len(names) > 1:
            raise InputError(f"{here} must have one folder of {words[-1]}. Received: {', '.join(names)}")
        if not names:
            other = f", nor {words[1]}" if len(words) > 1 else ""
            raise InputError(
                f"folder {os.path.join(here, words[0])} does not exist{other}. "
                f"Received: {', '.join(held) or 'no folders'}"
            )
        found.append(base + names[0])
    return tuple(found)


def _left_out(listed, places):
    """Returns lines to report on files and folders that are not used."""
    used = [folder for folders in places.values() for folder in folders]
    parents = {folder.rpartition("/")[0] for folder in used}
    notes = picture_notes(listed, noun="images or masks", places=parents)
    inside = tuple(folder + "/" for folder in used)
    unused = sorted({file.rpartition("/")[0] for file in listed.files if not file.startswith(inside)})
    if unused:
        notes += (
            f"left out the images in {counted(len(unused), 'other folder')}: {first_few(unused, SHOWN)}",
        )
    return notes


def _pairs(path, listed, image_folder, mask_folder):
    """Returns (image, mask) paths relative to `path`, sorted by image."""
    images, masks = (_by_stem(path, folder, listed) for folder in (image_folder, mask_folder))
    for stem, image_name in images.items():
        if stem not in masks:
            wanted = os.path.join(path, mask_folder, stem + ".png")
            raise InputError(f"{os.path.join(path, image_name)} has no mask: expected {wanted}")
    for stem, mask_name in masks.items():
        mask_path = os.path.join(path, mask_name)
        if stem not in images:
            raise InputError(f"{mask_path} has no image with the same stem in {image_folder}")
        # Other image types are listed too, so that a JPEG among the masks is refused, not ignored.
        if not mask_name.lower().endswith(".png"):
            raise InputError(f"a mask must be an index PNG. Received: {mask_path}")
    return [(images[stem], masks[stem]) for stem in sorted(images)]


def _by_stem(path, folder, listed):
    stems = {}
    for file in listed.within(folder):
        stem = os.path.splitext(file.removeprefix(folder + "/"))[0]
        if stem in stems:
            raise InputError(f"two files share the stem {stem!r} in {os.path.join(path, folder)}")
        stems[stem] = file
    return stems


# --- files --------------------------------------------------------------------------------------------------
def _look(path, palette, whole, pair):
    """Returns the header of the image, the values of the mask, and the EXIF rotation of the mask."""
    image_path, mask_path = (os.path.join(path, name) for name in pair)
    info = image_files.inspect(image_path, whole=whole)
    status = os.stat(mask_path)
    own, shape, values = _mask_facts(mask_path, palette, status.st_mtime_ns, status.st_size)
    size = (info.height, info.width)
    rotation = _rotation(info, own, shape, image_path, mask_path)
    if (shape[::-1] if rotation >= 5 else shape) != size:
        raise InputError(
            f"{mask_path} is {shape[1]} x {shape[0]} pixels and its image {image_path} is "
            f"{info.width} x {info.height}"
        )
    return info, values, rotation


def _rotation(info, own, shape, image_path, mask_path):
    """Returns the EXIF orientation that makes a mask fit its upright image.

    Args:
        info: `PictureInfo` of the upright image.
        own: The orientation in the mask's file.
        shape: (height, width) of the stored mask.
        image_path: Path of the image, for messages.
        mask_path: Path of the mask.
    """
    if info.orientation == own:
        return own
    upright = (info.height, info.width)
    stored = upright[::-1] if info.orientation >= 5 else upright
    # Only sizes can tell whether a mask without orientation fits the stored or the upright image.
    if own == _UPRIGHT and stored != upright and shape in (stored, upright):
        return info.orientation if shape == stored else _UPRIGHT
    raise InputError(
        f"{image_path} has the EXIF orientation {info.orientation} and its mask {mask_path} has {own}, so it "
        "is not clear how the mask is rotated. Save both upright, without EXIF orientation"
    )


def _decode(mask_path, palette):
    """Returns the stored values of a mask, (height, width)."""
    if palette is None:
        return image_files.decode_index(mask_path)
    return palette.class_ids(image_files.decode_stored_colors(mask_path), mask_path)


@functools.lru_cache(maxsize=100_000)
def _mask_facts(mask_path, palette, _modified, _size):
    """Returns the EXIF orientation, the stored shape, and the values of a mask."""
    mask = _decode(mask_path, palette)
    orientation = image_files.inspect(mask_path, upright=False).orientation
    return orientation, mask.shape, values_of(mask)


# --- classes ------------------------------------------------------------------------------------------------
def _classes(path, prefix, values, palette, options):
    """Returns the `MaskClasses`, named by the user, the palette, `classes.txt`, or numbers."""
    ignored = options.ignore_label
    own = dataclasses.replace(options, class_names=options.user_names)
    if own.class_names is not None:
        names, named_by = own.class_names, "`class_names`"
    elif palette is not None:
        names, named_by = palette.names, palette.path
    else:
        names = find_class_names(path, own)
        if names is None and prefix:
            names = find_class_names(os.path.join(path, prefix), own)
        named_by = CLASSES_FILE
    if palette is not None and len(names) not in (
        len(palette.names),
        len(palette.names) - (ignored == len(names)),
    ):
        raise InputError(
            f"`class_names` must name the {len(palette.names)} colors of {palette.path}. "
            f"Received: {', '.join(names)}"
        )
    notes = ()
    if names is not None and own.class_names is None and ignored == len(names) - 1:
        notes = (f"{named_by} names the ignored label {ignored} ({names[-1]}): not a class",)
        names = names[:-1]
    if options.names_of_model:
        names, named_by = numbered_names(names, options, f"{path} ({named_by})"), "the model"
    if palette is not None:
        return MaskClasses(tuple(names), notes=notes)
    classes = mask_classes(values, options, path, names=names, named_by=named_by)
    return dataclasses.replace(classes, notes=(*notes, *classes.notes))
