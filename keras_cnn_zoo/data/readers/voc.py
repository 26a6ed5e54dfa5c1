"""`voc:PATH`: images, and one XML file with boxes for each.

The layouts are in `voc_files`: PASCAL's folders, or XML files next to the images.

Coordinates are those of the PASCAL VOC devkit: the first pixel is 1 and a box includes its last pixel, so
`xmin` 1 to `xmax` 640 is a whole width of 640. An `xmin` of 0, which other tools write, means 1. A box whose
ends are equal has no area. As in the devkit, objects marked `difficult` are crowds: they do not count as
missed, and detecting them is not wrong. An image without objects is an example of background.
"""

import functools
import os

import numpy as np

from keras_cnn_zoo.data.files.text import find_class_names
from keras_cnn_zoo.data.flags import as_flag
from keras_cnn_zoo.data.objects import annotated_picture, found_objects, make_objects
from keras_cnn_zoo.data.readers import voc_files
from keras_cnn_zoo.data.readers.split_layout import read_inside
from keras_cnn_zoo.data.survey import survey
from keras_cnn_zoo.utils.errors import InputError

TASKS = ("detection",)
_EDGES = ("xmin", "ymin", "xmax", "ymax")


def read(path, options):
    """Finds the annotations below the folder `path`."""
    return read_inside(path, options, voc_files.is_data, _read)


def _read(path, options):
    items, notes = voc_files.find(path, options.encoding)
    seen = survey(items, functools.partial(_look, path, options.skip_bad), skip_bad=options.skip_bad)
    seen.check_not_empty(path)
    class_names = _class_names(path, options, seen.all_looks())
    seen = seen.again(functools.partial(_objects, path, class_names))
    seen.check_not_empty(path)

    def name(_, look):
        return os.path.relpath(look[0].file, path).replace(os.sep, "/")

    return found_objects(seen, path, class_names, "difficult", name=name, notes=notes)


def _look(path, whole, item):
    """Returns the annotated image and (class name, box, difficult) of its objects, in any class."""
    if item.fault is not None:
        raise InputError(item.fault)
    file = os.path.join(path, item.name)
    root = _parse(file)
    objects = [
        _object(f"{file}: object {number}", one) for number, one in enumerate(root.findall("object"), 1)
    ]
    picture = os.path.join(path, item.pictures[0])
    return annotated_picture(picture, _declared_size(root, file), file, whole=whole), objects


def _parse(file):
    try:
        import defusedxml
        import defusedxml.ElementTree
    except ImportError as error:
        raise InputError("voc: needs the package defusedxml") from error
    try:
        root = defusedxml.ElementTree.parse(file).getroot()
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}") from error
    except defusedxml.DefusedXmlException as error:
        raise InputError(
            f"{file} must not declare entities, which can use up memory or read other files"
        ) from error
    # A declared encoding that is wrong raises a LookupError or a ValueError.
    except (defusedxml.ElementTree.ParseError, LookupError, ValueError) as error:
        raise InputError(f"{file} is not XML: {' '.join(str(error).split())}") from error
    if root.tag != "annotation":
        raise InputError(f"{file} must have one <annotation>. Received: <{root.tag}>")
    return root


def _declared_size(root, file):
    """Returns (height, width), or None if it is missing or 0, as some tools write."""
    size = root.find("size")
    if size is None:
        return None
    edges = tuple(_number(f"{file}: size", size, name) for name in ("height", "width"))
    return None if 0 in edges else edges


def _object(where, element):
    name = (element.findtext("name") or "").strip()
    if not name:
        raise InputError(f"{where} has no name")
    box = element.find("bndbox")
    if box is None:
        raise InputError(f"{where} ({name}) has no bndbox")
    edges = [_number(f"{where} ({name})", box, edge) for edge in _EDGES]
    return name, edges, as_flag(element.findtext("difficult"), f"{where} ({name}): difficult")


def _number(where, element, name):
    text = element.findtext(name)
    try:
        number = float(text)
    except (TypeError, ValueError):
        raise InputError(f"{where}: {name} must be a number. Received: {text!r}") from None
    if not np.isfinite(number):
        raise InputError(f"{where}: {name} must be finite. Received: {text!r}")
    return number


def _class_names(path, options, looks):
    names = find_class_names(path, options)
    if names is not None:
        return tuple(names)
    found = {name for _, objects in looks for name, _, _ in objects}
    if not found:
        raise InputError(f"{path}: no image has an object")
    return tuple(sorted(found))


def _objects(path, class_names, item, look):
    """Returns the annotated image and its `Objects`, once the classes are known."""
    picture, listed = look
    file = os.path.join(path, item.name)
    boxes, classes = [], []
    for number, (label, (left, top, right, bottom), _) in enumerate(listed, start=1):
        if label not in class_names:
            raise InputError(
                f"{file}: object {number} must be one of: {', '.join(class_names)}. Received: {label!r}"
            )
        # From the first and last pixel, counted from 1, to edges. If the ends are equal, the area stays 0.
        if right > left and bottom > top:
            left, top = max(left - 1.0, min(left, 0.0)), max(top - 1.0, min(top, 0.0))
        boxes.append((left, top, right, bottom))
        classes.append(class_names.index(label))

    def where(position):
        return f"{file}: object {position + 1} ({listed[position][0]})"

    difficult = [one[2] for one in listed]
    return picture, make_objects(boxes, classes, difficult, (picture.height, picture.width), where)
