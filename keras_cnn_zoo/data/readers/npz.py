"""`npz:PATH`: arrays x_train, y_train, x_val, y_val, x_test, y_test of a NumPy archive, in memory.

The names of the arrays may be in any case, and have another word for the split, such as X_valid.
"""

import contextlib
import os
import zipfile
import zlib

import numpy as np

from keras_cnn_zoo.data.files.masks import count_labels, mask_classes, values_of
from keras_cnn_zoo.data.readers.numbered_names import numbered_names
from keras_cnn_zoo.data.readers.numbering import example_names
from keras_cnn_zoo.data.source import SPLIT_NAMES, Found, Split
from keras_cnn_zoo.data.split_words import split_of
from keras_cnn_zoo.data.splits import check_not_empty
from keras_cnn_zoo.utils.errors import InputError

TASKS = ("classification", "segmentation")
_ARCHIVE_ERRORS = (
    OSError,
    ValueError,
    EOFError,
    MemoryError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)


def read(path, options):
    """Reads the archive `path`. Pickled objects are never loaded."""
    with _opened(path) as archive:
        keys = _keys(path, archive.files)
        arrays = {key: _load(path, archive, name) for key, name in keys.items()}
        unused = sorted(set(archive.files) - set(keys.values()))
    given = [name for name in SPLIT_NAMES if f"x_{name}" in arrays or f"y_{name}" in arrays]
    for name in given:
        for key in (f"x_{name}", f"y_{name}"):
            if key not in arrays:
                raise InputError(f"{path} has no array {key}. It has: {', '.join(sorted(keys.values()))}")
    images, notes = _images(path, {name: arrays[f"x_{name}"] for name in given})
    make = _labels if options.task == "classification" else _masks
    targets, class_names, more = make(
        path, {name: arrays[f"y_{name}"] for name in given}, images, arrays.get("classes"), options
    )
    if unused:
        notes += (f"left out the array{'s' if len(unused) > 1 else ''} {', '.join(unused)}",)
    return Found(
        splits={name: _split(name, images[name], targets[name], options.task) for name in given},
        class_names=class_names,
        channels=images[given[0]].shape[-1],
        notes=(*notes, *more),
    )


def _split(name, images, targets, task):
    for array in (images, targets):
        array.setflags(write=False)
    names = example_names(name, len(images))
    if task == "classification":

        def read_example(position):
            return {"image": images[position], "label": int(targets[position])}

        return Split(names, read_example, labels=targets, keys=images)
    return Split(
        names,
        lambda position: {"image": images[position], "mask": targets[position]},
        keys=images,
        targets=lambda position: {"mask": targets[position]},
    )


@contextlib.contextmanager
def _opened(path):
    if not os.path.isfile(path):
        raise InputError(f"file {path} does not exist")
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path} is not an .npz archive, or is damaged")
    # NumPy does not close a file that it opened itself if the archive is damaged.
    with open(path, "rb") as file, _readable(path), np.load(file, allow_pickle=False) as archive:
        yield archive


@contextlib.contextmanager
def _readable(path):
    """Turns the errors of a damaged archive into an `InputError`."""
    try:
        yield
    except InputError:
        raise
    except _ARCHIVE_ERRORS as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"cannot read {path}: {reason}") from error


def _keys(path, names):
    """Returns a dict from "x_train", ..., "classes" to the name of that array in the archive."""
    found = {}
    for name in names:
        kind, _, word = name.lower().partition("_")
        split = split_of(word) if kind in ("x", "y") else None
        key = f"{kind}_{split}" if split is not None else name.lower()
        if split is None and key != "classes":
            continue
        if key in found:
            raise InputError(f"{path} has two names for the array {key}: {found[key]} and {name}")
        found[key] = name
    if not found.keys() - {"classes"}:
        held = ", ".join(sorted(names)) or "nothing"
        raise InputError(f"{path} must have x_train and y_train, and so for val and test. It has: {held}")
    return found


def _load(path, archive, name):
    """Returns an array of the archive."""
    try:
        return archive[name]
    except ValueError as error:
        if "allow_pickle" not in str(error):
            raise
        raise InputError(
            f"cannot read {path}: Object arrays cannot be loaded, because they are pickled. Save the array "
            f"{name} with a type of numbers or texts"
        ) from error


def _images(path, arrays):
    """Returns the images of all splits as uint8 (N, H, W, C), and lines to report."""
    shapes = set()
    for name, array in arrays.items():
        where = f"{path}: x_{name}"
        if array.dtype.kind not in "biuf":
            raise InputError(f"{where} must have numbers. Received: dtype {array.dtype}")
        if array.ndim not in (3, 4) or (array.ndim == 4 and array.shape[-1] not in (1, 3)):
            raise InputError(
                f"{where} must be images of shape (N, H, W), (N, H, W, 1) or (N, H, W, 3). "
                f"Received: shape {array.shape}"
            )
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            bad = np.argwhere(~np.isfinite(array))[0]
            raise InputError(f"{where} must be finite. Received: {array[tuple(bad)]} in image {bad[0]}")
        shapes.add(array.shape[3:] or (1,))
    if len(shapes) > 1:
        raise InputError(f"{path}: splits must have the same number of channels. Received: {sorted(shapes)}")
    arrays = {name: array[..., None] if array.ndim == 3 else array for name, array in arrays.items()}
    filled = [array for array in arrays.values() if array.size]
    low, high = min((a.min() for a in filled), default=0), max((a.max() for a in filled), default=0)
    if low < 0 or high > 255:
        raise InputError(f"{path}: images must be in 0 to 255, or in 0 to 1. Received: {low} to {high}")
    _check_one_range(path, arrays)
    if high <= 1:
        images = {name: np.rint(array * 255.0).astype("uint8") for name, array in arrays.items()}
        return images, ("images scaled from 0..1 to 0..255",)
    whole = all(array.dtype.kind in "iu" for array in arrays.values())
    images = {name: np.rint(array).astype("uint8", copy=False) for name, array in arrays.items()}
    return images, () if whole else ("images rounded to whole gray levels",)


def _check_one_range(path, arrays):
    """Raises an `InputError` if some splits are in 0 to 1 and others in 0 to 255."""
    highest = {name: array.max() for name, array in arrays.items() if array.size and array.max() > 0}
    small = {name for name, high in highest.items() if high <= 1}
    if small and small != set(highest):
        ranges = ", ".join(f"x_{name} {arrays[name].min():g} to {highest[name]:g}" for name in highest)
        raise InputError(f"{path}: the images of all splits must have one range. Received: {ranges}")


def _labels(path, arrays, images, classes, options):
    """Returns the classes (N,) of every split, the class names, and lines to report."""
    texts = [array.dtype.kind in "US" for array in arrays.values()]
    flat = {}
    for name, array in arrays.items():
        where = f"{path}: y_{name}"
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if array.shape != images[name].shape[:1]:
            raise InputError(
                f"{where} must have one class for each of the {len(images[name])} images, shape (N,) or "
                f"(N, 1). Received: shape {array.shape}"
            )
        flat[name] = _texts(where, array, options) if all(texts) else _integers(where, array)
    if all(texts):
        names = options.class_names or _own_names(path, classes, options)
        names = names or tuple(sorted({str(label) for array in flat.values() for label in array}))
        index = {name: position for position, name in enumerate(names)}
        for name, array in flat.items():
            strange = [label for label in array if label not in index]
            if strange:
                known = ", ".join(names)
                raise InputError(f"{path}: y_{name} must be one of: {known}. Received: {str(strange[0])!r}")
            flat[name] = np.array([index[label] for label in array], dtype="int64")
    else:
        names = _names(path, classes, options)
    if names is None:
        training = flat.get("train", np.concatenate(list(flat.values())))
        key = "y_train" if "train" in flat else " and ".join(f"y_{name}" for name in flat)
        count = count_labels(training, f"{path}: {key}", sparse="train" not in flat)
        names = tuple(str(value) for value in range(count))
    for name, array in flat.items():
        bad = np.flatnonzero((array < 0) | (array >= len(names)))
        if len(bad):
            raise InputError(
                f"{path}: y_{name} must be in 0 to {len(names) - 1}. Received: {array[bad[0]]} at {bad[0]}"
            )
    if len(names) < 2 and any(len(array) for array in flat.values()):
        raise InputError(f"{path} must have two classes or more. Received: {', '.join(names) or 'none'}")
    return flat, names, ()


def _masks(path, arrays, images, classes, options):
    """Returns the masks (N, H, W) of every split, the class names, and lines to report."""
    masks = {}
    for name, array in arrays.items():
        where = f"{path}: y_{name}"
        if array.ndim == 4 and array.shape[-1] == 1:
            array = array[..., 0]
        if array.shape != images[name].shape[:3]:
            raise InputError(
                f"{where} must have a mask of the size of each image, {images[name].shape[:3]}. "
                f"Received: shape {array.shape}"
            )
        masks[name] = _integers(where, array)
    for name, array in masks.items():
        check_not_empty(path, name, array)
    values = {name: values_of(array) for name, array in masks.items()}
    found = mask_classes(
        {name: [values[name]] for name in values},
        options,
        path,
        names=_names(path, classes, options),
        named_by=options.named_by("its array classes"),
    )
    for name in masks:
        found.check(values[name], options.ignore_label, f"{path}: y_{name}")
        small = masks[name].min(initial=0) >= 0 and masks[name].max(initial=0) <= 255
        masks[name] = found.of_mask(masks[name]).astype("uint8" if small else "int32", copy=False)
    return masks, found.names, found.notes


def _texts(where, array, options):
    """Returns an array of texts; bytes are decoded."""
    if array.dtype.kind != "S":
        return array
    try:
        return np.char.decode(array, options.encoding)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{where} must be {options.encoding} text. Received: {error.object!r}. Name its encoding with "
            "`encoding`"
        ) from error


def _integers(where, array):
    if array.dtype.kind not in "biuf":
        raise InputError(f"{where} must have class numbers. Received: dtype {array.dtype}")
    if array.dtype.kind == "f":
        if np.isnan(array).any():
            raise InputError(f"{where} must have whole numbers. Received: nan")
        broken = array[array != np.rint(array)]
        if broken.size:
            raise InputError(f"{where} must have whole numbers. Received: {broken[0]}")
    return array if array.dtype == np.uint8 else array.astype("int64")


def _names(path, classes, options):
    """Returns the names of classes that are numbers, or None."""
    if options.user_names is not None:
        return options.user_names
    return numbered_names(_own_names(path, classes, options), options, f"the array classes of {path}")


def _own_names(path, classes, options):
    """Returns the class names in the array classes, or None."""
    if classes is None:
        return None
    if classes.dtype.kind not in "USiu":
        raise InputError(f"{path}: classes must be texts. Received: dtype {classes.dtype}")
    classes = _texts(f"{path}: classes", classes, options)
    names = tuple(str(name) for name in np.atleast_1d(classes).ravel())
    if len(set(names)) < len(names) or not names:
        raise InputError(f"{path}: classes must be different and not empty. Received: {', '.join(names)!r}")
    return names
