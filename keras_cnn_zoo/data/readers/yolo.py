"""`yolo:PATH`: images, a text file with boxes or polygons for each, and `data.yaml`, which names them.

PATH is the folder of the YAML file, or that file. `yolo_files` has the layouts. Each line of a label file is
`class cx cy w h`, or `class x1 y1 x2 y2 x3 y3 ...` for a polygon, as fractions of the size of the upright
image. For detection, a polygon is its extent. For segmentation, polygons are drawn as in `coco:`, with 0 for
the background. An image without a label file has no objects. Keypoints are not used.
"""

import functools
import os

import numpy as np

from keras_cnn_zoo.data.files import images as image_files
from keras_cnn_zoo.data.files import yaml_files
from keras_cnn_zoo.data.files.text import filled_lines
from keras_cnn_zoo.data.objects import Annotated, found_objects, make_objects
from keras_cnn_zoo.data.readers import coco_masks, yolo_files
from keras_cnn_zoo.data.readers.numbered_names import numbered_names
from keras_cnn_zoo.data.readers.split_layout import read_inside
from keras_cnn_zoo.data.survey import survey
from keras_cnn_zoo.utils.errors import InputError

TASKS = ("detection", "segmentation")
# Fractions may leave 0..1 by a rounding error. Numbers far beyond are pixels.
_ROUNDING = 0.01


def read(path, options):
    """Finds the YAML file and reads the labels that belong to its images."""
    if os.path.isfile(path):
        return _read(os.path.dirname(path) or os.curdir, path, options)
    return read_inside(path, options, yolo_files.yaml_file, lambda root, options: _read(root, None, options))


def _read(path, file, options):
    file = file or yolo_files.yaml_file(path)
    if file is None:
        raise InputError(f"{path} must have a {yaml_files.DATA_FILE}, which names the images and the classes")
    content = yolo_files.parse(file, options.encoding)
    keypoints = _keypoints(content, file)
    items, notes = yolo_files.find(path, file, content, options.encoding)
    names = content["names"]
    classes, numbers, renamed = _classes(names, options, file)
    look = functools.partial(_look, len(names), keypoints, options)
    seen = survey(items, look, skip_bad=options.skip_bad)
    seen.check_not_empty(path)
    notes = [*notes, *renamed, *_notes_on(seen.all_looks(), options, file, keypoints)]
    if options.task == "segmentation":
        seen = seen.again(lambda _, look: (look[0], _regions(numbers, look)))
        return coco_masks.found_masks(seen, path, options, classes, notes=notes)
    seen = seen.again(lambda _, look: (look[0], _objects(look)))
    return found_objects(seen, path, classes, "crowd", notes=notes)


def _keypoints(content, file):
    """Returns the number of values of the keypoints of an object, or 0."""
    shape = yaml_files.given(content, "kpt_shape")
    if shape is None:
        return 0
    if not isinstance(shape, list) or len(shape) != 2 or not all(str(n).isdigit() for n in shape):
        raise InputError(f"{file}: kpt_shape must be two numbers, such as [17, 3]. Received: {shape!r:.80}")
    return int(shape[0]) * int(shape[1])


def _classes(names, options, file):
    """Returns the class names of the task, the number in them of each class of the file, and lines to report.

    The user may replace the names by as many others, for masks with a name for the background or without.
    """
    masks, given = options.task == "segmentation", options.class_names
    own = coco_masks.with_background(names) if masks else names
    numbers = [own.index(name) for name in names]
    if given is None or options.names_of_model:
        return numbered_names(own, options, file), numbers, ()
    if given in (own, names):
        return own, numbers, ()
    if len(given) == len(own) > len(names):
        classes, given = given, given[1:]
    elif len(given) == len(names):
        classes = coco_masks.with_background(given) if masks else given
        numbers = [classes.index(name) for name in given]
    else:
        raise InputError(
            f"`class_names` must be {len(names)} names, one for each of {', '.join(names)}. "
            f"Received: {', '.join(given)}"
        )
    renamed = ", ".join(f"{old} = {new}" for old, new in zip(names, given, strict=True))
    return classes, numbers, (f"classes named by `class_names` in the order of their numbers: {renamed}",)


def _look(num_classes, keypoints, options, item):
    """Returns the upright image, its rows (line number, class id, box or polygon), and facts to report."""
    if item.fault is not None:
        raise InputError(item.fault)
    info = image_files.inspect(item.file, whole=options.skip_bad)
    stored = image_files.inspect(item.file, upright=False)
    picture = Annotated(item.file, info.height, info.width, info.channels, upright=True)
    rows, seen, repeated = [], set(), 0
    for number, line in filled_lines(item.labels, options.encoding) if item.labels else ():
        row = _row(f"{item.labels} line {number}", line, num_classes, keypoints)
        repeated += row in seen
        if row not in seen:
            rows.append((f"{item.labels} line {number}", *row))
        seen.add(row)
    return picture, rows, {"repeated": repeated, "turned": stored.height != info.height}


def _row(where, line, num_classes, keypoints):
    """Returns the class id of a line, and a tuple of four numbers (a box) or of six or more (a polygon)."""
    try:
        numbers = [float(word) for word in line.split()]
    except ValueError:
        raise InputError(f"{where} must have only numbers. Received: {line.strip()[:80]!r}") from None
    count = len(numbers) - 1
    if keypoints and count == 4 + keypoints:
        numbers, count = numbers[:5], 4
    if count != 4 and (keypoints or count < 6 or count % 2):
        more = f", and {keypoints} of keypoints" if keypoints else ", or 6, 8, 10, ... of a polygon"
        raise InputError(
            f"{where} must have a class and 4 numbers of a box{more}. Received: {len(numbers)} numbers"
        )
    if numbers[0] not in range(num_classes):
        raise InputError(f"{where}: the class must be 0 to {num_classes - 1}. Received: {line.split()[0]}")
    places = numbers[1:]
    if not all(-_ROUNDING <= place <= 1 + _ROUNDING for place in places):
        outside = next(place for place in places if not -_ROUNDING <= place <= 1 + _ROUNDING)
        raise InputError(
            f"{where} must have coordinates as fractions of the image's size, in 0..1. Received: {outside:g}"
        )
    return int(numbers[0]), tuple(places)


def _points(picture, places):
    """Returns the corners of a polygon in pixels, float64 (n, 2), within the image."""
    size = np.array([picture.width, picture.height], dtype="float64")
    return np.clip(np.array(places).reshape(-1, 2), 0.0, 1.0) * size


def _objects(look):
    """Returns the `Objects` of an image: boxes, and the extents of polygons."""
    picture, rows, _ = look
    boxes = []
    for _, _, places in rows:
        if len(places) == 4:
            x, y, width, height = np.array(places) * ([picture.width, picture.height] * 2)
            boxes.append((x - width / 2, y - height / 2, x + width / 2, y + height / 2))
        else:
            points = _points(picture, places)
            boxes.append((*points.min(axis=0), *points.max(axis=0)))
    size, crowd = (picture.height, picture.width), [False] * len(rows)
    return make_objects(boxes, [row[1] for row in rows], crowd, size, lambda position: rows[position][0])


def _regions(ids, look):
    """Returns the polygons of an image to draw. Boxes are not masks."""
    picture, rows, _ = look
    size = (picture.height, picture.width)
    found = []
    for where, class_id, places in rows:
        if len(places) > 4:
            polygon = _points(picture, places).reshape(-1).tolist()
            found.append(coco_masks.region({"segmentation": [polygon]}, ids[class_id], size, where))
    return found


def _notes_on(looks, options, file, keypoints):
    """Returns lines to report about all images."""
    notes = []
    if keypoints:
        notes.append(f"the keypoints of {file} (kpt_shape) are not used")
    repeated = sum(facts["repeated"] for _, _, facts in looks)
    if repeated:
        notes.append(
            f"left out {repeated} line{'s' if repeated > 1 else ''} that repeat another in a label file"
        )
    turned = sum(facts["turned"] for _, _, facts in looks)
    if turned:
        notes.append(
            f"{turned} images are rotated by their EXIF orientation: labels are of the upright image"
        )
    boxes = sum(len(row[2]) == 4 for _, rows, _ in looks for row in rows)
    if boxes and options.task == "segmentation":
        notes.append(
            f"left out {boxes} object{'s' if boxes > 1 else ''} with a box and no polygon: not in a mask"
        )
    return notes
