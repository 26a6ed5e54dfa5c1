"""Shared parts of the readers of boxes: usable boxes, and the orientation in which a picture was annotated.

Boxes are left, top, right, bottom in pixels, where pixel i spans [i, i + 1]. One of zero area is dropped and
counted. One that leaves its picture is a fault; up to a pixel, which exporters round away, is cut off.

Annotations mostly speak of the stored pixels, because the tools that write and read them leave a picture's
EXIF orientation alone. Where only the upright picture has the size that an annotation declares, it was made
on that one. The picture is decoded in the orientation that was annotated.
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
    """The objects of one picture.

    Args:
        boxes: float32 (n, 4).
        classes: int32 (n,).
        crowd: bool (n,): whether a box holds many, or one too hard to be asked for.
        dropped: number of boxes of zero area that were left out.
    """

    boxes: np.ndarray
    classes: np.ndarray
    crowd: np.ndarray
    dropped: int = 0


def make_objects(boxes, classes, crowd, size, where):
    """The `Objects` of a picture.

    Args:
        boxes: Sequence of (left, top, right, bottom) numbers.
        classes: Sequence of class ids.
        crowd: Sequence of booleans.
        size: (height, width) of the picture.
        where: Function from the position of a box to what messages call it.

    Raises:
        InputError: A box holds other than finite numbers, runs backwards, or leaves the picture.
    """
    # Judged as they were written: in float32 a large picture's edge may round to beyond it.
    boxes = np.array(boxes, dtype="float64").reshape(-1, 4)
    height, width = size
    limit = np.array([width, height, width, height], dtype="float64")
    for position, box in enumerate(boxes):
        given = ", ".join(f"{edge:g}" for edge in box)
        if not np.isfinite(box).all():
            raise InputError(f"{where(position)} has no finite numbers. Received: {given}")
        if box[2] < box[0] or box[3] < box[1]:
            raise InputError(f"{where(position)} ends before it begins. Received: {given}")
        if (box < -_ROUNDING).any() or (box > limit + _ROUNDING).any():
            raise InputError(
                f"{where(position)} leaves its picture of {width} x {height} pixels. Received: {given}"
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
    """A picture file in the orientation that was annotated.

    Args:
        file: Its path.
        height: Pixels.
        width: Pixels.
        channels: 1 or 3.
        upright: Whether it is to be turned as its EXIF orientation says.
    """

    file: str
    height: int
    width: int
    channels: int
    upright: bool

    def decode(self, channels):
        """The pixels, uint8 (height, width, channels)."""
        return image_files.decode(self.file, channels=channels, upright=self.upright)


def annotated_picture(file, declared, where, *, whole):
    """Looks at a picture that an annotation speaks of.

    Args:
        file: Path of the picture.
        declared: (height, width) that the annotation gives, or None.
        where: What messages call the annotation.
        whole: Whether to decode the pixels once, so that a damaged file shows.

    Raises:
        InputError: The picture cannot be read, or has another size.
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
        f"{where} declares {declared[1]:g} x {declared[0]:g} pixels and its picture {file} is "
        f"{stored.width} x {stored.height}"
    )


def found_objects(seen, source_name, class_names, crowd_words, *, name=None, notes=(), skipped=()):
    """Returns the `Found` of detection data, whose pictures are decoded on access.

    Args:
        seen: `Survey` whose looks are pairs (picture, `Objects`); a picture has `channels` and `decode`, as
            `Annotated` has.
        source_name: Name of the data in messages.
        class_names: Tuple of names.
        crowd_words: The format's name for a crowd.
        name: As in `Survey.found`.
        notes: As in `Survey.found`.
        skipped: As in `Survey.found`.

    Raises:
        InputError: No picture to learn from, or none at all, has an object.
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
        notes.append(f"{empty} of {len(everything)} pictures have no objects: they count as background")
    crowds = sum(int(one.crowd.sum()) for one in everything)
    if crowds:
        notes.append(f"{crowds} {crowd_words} objects are neither learnt nor counted as missed or wrong")
    counts = np.zeros(len(class_names), dtype="int64")
    for one in everything:
        counts += np.bincount(one.classes, minlength=len(class_names))
    absent = [name for name, count in zip(class_names, counts, strict=True) if not count]
    if absent:
        notes.append(f"no objects of {', '.join(absent)}")
    return tuple(notes)


def _check_any(path, objects):
    """Raises an `InputError` where no picture to learn from, or at all, has an object."""
    for name in ("train", *objects):
        if name in objects and not any(len(one.classes) for one in objects[name]):
            what = "" if name == UNSPLIT else f" of the {name} split"
            raise InputError(f"{path}: no picture{what} has an object")
