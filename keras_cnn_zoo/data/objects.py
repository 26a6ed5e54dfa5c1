"""Shared parts of the readers of boxes: checks of the boxes, and the orientation that was annotated.

Boxes are left, top, right, bottom in pixels, where pixel i spans [i, i + 1]. Boxes of zero area are dropped
and counted. A box that leaves its image is an error; up to one pixel, a rounding error, is clipped.

Most annotation tools ignore the EXIF orientation, so boxes refer to the stored pixels. If only the upright
image has the declared size, the boxes refer to that. The image is decoded in the annotated orientation.
"""

import dataclasses

import numpy as np

from keras_cnn_zoo.data.files import images as image_files
from keras_cnn_zoo.data.splits import UNSPLIT
from keras_cnn_zoo.data.survey import shared_channels
from keras_cnn_zoo.utils.errors import InputError

_ROUNDING = 1.0


@dataclasses.dataclass(frozen=True)
class Objects:
    """The objects of one image.

    Args:
        boxes: float32 (n, 4).
        classes: int32 (n,).
        crowd: bool (n,), True for a box of many objects, or of one that is too hard to count.
        dropped: Number of boxes of zero area that were left out.
    """

    boxes: np.ndarray
    classes: np.ndarray
    crowd: np.ndarray
    dropped: int = 0


def make_objects(boxes, classes, crowd, size, where):
    """Returns the `Objects` of an image.

    Args:
        boxes: Sequence of (left, top, right, bottom) numbers.
        classes: Sequence of class ids.
        crowd: Sequence of booleans.
        size: (height, width) of the image.
        where: Function from the position of a box to its name in messages.

    Raises:
        InputError: A box is not finite, ends before it begins, or leaves the image.
    """
    # In float64, because float32 may round the edge of a large image outward.
    boxes = np.array(boxes, dtype="float64").reshape(-1, 4)
    height, width = size
    limit = np.array([width, height, width, height], dtype="float64")
    for position, box in enumerate(boxes):
        given = ", ".join(f"{edge:g}" for edge in box)
        if not np.isfinite(box).all():
            raise InputError(f"{where(position)} must have finite numbers. Received: {given}")
        if box[2] < box[0] or box[3] < box[1]:
            raise InputError(f"{where(position)} ends before it begins. Received: {given}")
        if (box < -_ROUNDING).any() or (box > limit + _ROUNDING).any():
            raise InputError(
                f"{where(position)} leaves its image of {width} x {height} pixels. Received: {given}"
            )
    boxes = np.clip(boxes, 0.0, limit).astype("float32")
    kept = (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])
    arrays = (
        boxes[kept],
        np.array(classes, dtype="int32").reshape(-1)[kept],
        np.array(crowd, dtype=bool).reshape(-1)[kept],
    )
    for array in arrays:
        array.setflags(write=False)
    return Objects(*arrays, dropped=int((~kept).sum()))


@dataclasses.dataclass(frozen=True)
class Annotated:
    """An image file in the orientation that was annotated.

    Args:
        file: Its path.
        height: Pixels.
        width: Pixels.
        channels: 1 or 3.
        upright: Whether to rotate it as its EXIF orientation says.
    """

    file: str
    height: int
    width: int
    channels: int
    upright: bool

    def decode(self, channels):
        """Returns the pixels, uint8 (height, width, channels)."""
        return image_files.decode(self.file, channels=channels, upright=self.upright)


def annotated_picture(file, declared, where, *, whole):
    """Returns an annotated image as `Annotated`, after checking its size.

    Args:
        file: Path of the image.
        declared: (height, width) that the annotation gives, or None.
        where: Name of the annotation in messages.
        whole: Whether to decode the pixels once, to find a damaged file.

    Raises:
        InputError: The image cannot be read, or has another size.
    """
    found = {
        upright: image_files.inspect(file, upright=upright, whole=whole and upright)
        for upright in (False, True)
    }
    for upright, info in found.items():
        if declared is None or tuple(declared) == (info.height, info.width):
            return Annotated(file, info.height, info.width, info.channels, upright)
    stored = found[False]
    raise InputError(
        f"{where} declares {declared[1]:g} x {declared[0]:g} pixels and its image {file} is "
        f"{stored.width} x {stored.height}"
    )


def found_objects(seen, source_name, class_names, crowd_words, *, name=None, notes=(), skipped=()):
    """Returns the `Found` of detection data, whose images are decoded on access.

    Args:
        seen: `Survey` whose looks are pairs (image, `Objects`). The image has `channels` and `decode`, like
            `Annotated`.
        source_name: Name of the data in messages.
        class_names: Tuple of names.
        crowd_words: The format's name for a crowd.
        name: As in `Survey.found`.
        notes: As in `Survey.found`.
        skipped: As in `Survey.found`.

    Raises:
        InputError: No training image, or no image at all, has an object.
    """
    objects = {split_name: [one for _, one in looks] for split_name, looks in seen.looks.items()}
    _check_any(source_name, objects)
    channels = shared_channels(picture for picture, _ in seen.all_looks())

    def example(row):
        picture, here = row
        return {
            "image": picture.decode(channels),
            "boxes": here.boxes,
            "classes": here.classes,
            "crowd": here.crowd,
        }

    return seen.found(
        example,
        class_names,
        row=lambda _, look: look,
        name=name,
        targets=lambda row: {"boxes": row[1].boxes, "classes": row[1].classes, "crowd": row[1].crowd},
        channels=channels,
        notes=(*notes, *_notes_on(objects, class_names, crowd_words)),
        skipped=skipped,
    )


def _notes_on(objects, class_names, crowd_words):
    """Returns lines to report about the objects of all splits."""
    everything = [one for split in objects.values() for one in split]
    dropped = sum(one.dropped for one in everything)
    notes = [f"left out {dropped} box{'es' if dropped > 1 else ''} of zero area"] if dropped else []
    empty = sum(not len(one.classes) for one in everything)
    if empty:
        notes.append(f"{empty} of {len(everything)} images have no objects: they count as background")
    crowds = sum(int(one.crowd.sum()) for one in everything)
    if crowds:
        notes.append(f"{crowds} {crowd_words} objects are not trained on, nor counted as missed or wrong")
    counts = np.zeros(len(class_names), dtype="int64")
    for one in everything:
        counts += np.bincount(one.classes, minlength=len(class_names))
    absent = [name for name, count in zip(class_names, counts, strict=True) if not count]
    if absent:
        notes.append(f"no objects of {', '.join(absent)}")
    return tuple(notes)


def _check_any(path, objects):
    """Raises an `InputError` if no training image, or no image at all, has an object."""
    for name in ("train", *objects):
        if name in objects and not any(len(one.classes) for one in objects[name]):
            what = "" if name == UNSPLIT else f" of the {name} split"
            raise InputError(f"{path}: no image{what} has an object")
