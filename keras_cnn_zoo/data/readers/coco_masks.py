"""Polygons and run-length masks of COCO's format, drawn by pycocotools."""

import numpy as np

from keras_cnn_zoo.data.survey import shared_channels
from keras_cnn_zoo.utils.errors import InputError

BACKGROUND = "background"
# A polygon that extends further than this many image sizes is a mistake and would take too much memory.
_REACH = 4


def with_background(names):
    """Returns the class names of masks, with the background first."""
    return (BACKGROUND, *(name for name in names if name != BACKGROUND))


def region(annotation, class_id, size, where):
    """Returns (class id, run-length mask of pycocotools), or None without a segmentation.

    Args:
        annotation: dict with `segmentation`: a list of polygons, or a dict of `counts` (a list, or the
            compressed string) and `size`.
        class_id: position of the class.
        size: (height, width) of the image.
        where: name of the annotation in messages.

    Raises:
        InputError: the segmentation has another form, or does not fit the image.
    """
    from pycocotools import mask as masks

    given = annotation.get("segmentation")
    if given is None or given == []:
        return None
    height, width = size
    if isinstance(given, list):
        for polygon in given:
            _check_polygon(polygon, size, where)
        return class_id, masks.merge(masks.frPyObjects(given, height, width))
    if not isinstance(given, dict) or "counts" not in given:
        raise InputError(
            f"{where}: segmentation must be polygons or a run-length mask. Received: {type(given).__name__}"
        )
    declared = given.get("size")
    if declared != [height, width]:
        raise InputError(
            f"{where}: the mask's size [height, width] must be that of its image, [{height}, {width}]. "
            f"Received: {declared!r}"
        )
    counts = given["counts"]
    if isinstance(counts, str):
        counts = _unpacked(counts, where)
    if not isinstance(counts, list):
        raise InputError(f"{where}: counts must be a list or a string. Received: {type(counts).__name__}")
    if not all(isinstance(count, int) and not isinstance(count, bool) and count >= 0 for count in counts):
        raise InputError(f"{where}: counts must be non-negative integers")
    if sum(counts) != height * width:
        raise InputError(
            f"{where}: counts must cover the {height * width} pixels of the image. Received: {sum(counts)}"
        )
    return class_id, masks.frPyObjects({"counts": counts, "size": [height, width]}, height, width)


def _unpacked(text, where):
    """Returns the run lengths of COCO's compressed string. pycocotools would not check their sum.

    Each character minus "0" has five bits of a number; its sixth bit is set if more characters follow. The
    top bit of the last character is the sign. From the fourth number on, a number is the difference to the
    number two before it.
    """
    counts, value, shift = [], 0, 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            raise InputError(f"{where}: damaged run-length mask. Received: {text[:40]!r}")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value, shift = 0, 0
    if shift:
        raise InputError(f"{where}: damaged run-length mask. Received: {text[:40]!r}")
    return counts


def extent(one):
    """Returns [x, y, width, height] around a region."""
    from pycocotools import mask as masks

    return [float(edge) for edge in masks.toBbox(one[1])]


def draw(regions, height, width, num_classes):
    """Draws regions as the class ids of the pixels, with 0 for background and smaller regions on top.

    Args:
        regions: list of the results of `region`.
        height: height of the image.
        width: width of the image.
        num_classes: number of classes, including the background.

    Returns:
        uint8 (height, width), or int32 if there are too many classes.
    """
    from pycocotools import mask as masks

    canvas = np.zeros((height, width), dtype="uint8" if num_classes <= 256 else "int32")
    areas = [int(masks.area(encoded)) for _, encoded in regions]
    # Sorting is stable: of two regions of the same area, the later one is on top.
    for position in sorted(range(len(regions)), key=lambda position: -areas[position]):
        class_id, encoded = regions[position]
        canvas[masks.decode(encoded).astype(bool)] = class_id
    return canvas


def found_masks(seen, path, options, names, *, name=None, notes=(), skipped=()):
    """Returns the `Found` of segmentation data whose masks are drawn on access.

    Args:
        seen: `Survey` whose looks are pairs (image, regions). The image has `height`, `width`, `channels`,
            and `decode`, like `objects.Annotated`.
        path: Name of the data in messages.
        options: The `ReadOptions`.
        names: Tuple of class names, the background included.
        name: As in `Survey.found`.
        notes: As in `Survey.found`.
        skipped: As in `Survey.found`.

    Raises:
        InputError: The ignored label is a class, or no image has a region.
    """
    if 0 <= options.ignore_label < len(names):
        raise InputError(
            f"`ignore_label` must not be one of the {len(names)} classes of {path}, background included. "
            f"Received: {options.ignore_label}"
        )
    if not any(regions for _, regions in seen.all_looks()):
        raise InputError(f"{path}: no image has a segmentation")
    channels = shared_channels(picture for picture, _ in seen.all_looks())

    def example(row):
        picture, regions = row
        mask = draw(regions, picture.height, picture.width, len(names))
        return {"image": picture.decode(channels), "mask": mask}

    return seen.found(
        example,
        names,
        row=lambda _, look: look,
        name=name,
        channels=channels,
        notes=notes,
        skipped=skipped,
    )


def _check_polygon(polygon, size, where):
    if (
        not isinstance(polygon, list)
        or len(polygon) < 6
        or len(polygon) % 2
        or not all(isinstance(edge, (int, float)) and not isinstance(edge, bool) for edge in polygon)
    ):
        raise InputError(f"{where}: a polygon must have three or more points x, y. Received: {polygon!r:.80}")
    limit = _REACH * max(size)
    # Comparing works for integers of any size, and is False for NaN.
    if not all(-limit <= edge <= limit for edge in polygon):
        raise InputError(f"{where}: a polygon leaves its image of {size[1]} x {size[0]} pixels")
