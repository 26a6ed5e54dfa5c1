"""`voc:PATH`: images in `JPEGImages/`, one XML file each in `Annotations/`, splits in `ImageSets/Main/`.

Coordinates are those of the PASCAL VOC devkit: the first pixel is 1 and a box includes its last pixel, so
`xmin` 1 to `xmax` 640 is a whole width of 640. An `xmin` of 0, which other tools write, means 1. A box whose
ends are equal has no area. As in the devkit, objects marked `difficult` are crowds: they do not count as
missed, and detecting them is not wrong. An image without objects is an example of background.
"""

import functools
import os

import numpy as np

from keras_cnn_zoo.data.files.text import filled_lines, find_class_names
from keras_cnn_zoo.data.objects import annotated_picture, found_objects, make_objects
from keras_cnn_zoo.data.readers.folders import check_folder, picture_files, split_files
from keras_cnn_zoo.data.splits import UNSPLIT
from keras_cnn_zoo.data.survey import survey
from keras_cnn_zoo.utils.errors import InputError

TASKS = ("detection",)
PICTURES, ANNOTATIONS, LISTS = "JPEGImages", "Annotations", os.path.join("ImageSets", "Main")
_EDGES = ("xmin", "ymin", "xmax", "ymax")


def read(path, options):
    """Finds the annotations below the folder `path`."""
    check_folder(path)
    check_folder(os.path.join(path, PICTURES))
    check_folder(os.path.join(path, ANNOTATIONS))
    files = _pictures_by_stem(os.path.join(path, PICTURES))
    look = functools.partial(_look, path, files, options.skip_bad)
    seen = survey(_listed(path, options), look, skip_bad=options.skip_bad)
    seen.check_not_empty(path)
    class_names = _class_names(path, options, seen.all_looks())
    seen = seen.again(functools.partial(_objects, path, class_names))
    seen.check_not_empty(path)

    def name(_, look):
        return os.path.relpath(look[0].file, path).replace(os.sep, "/")

    return found_objects(seen, path, class_names, "difficult", name=name)


def _pictures_by_stem(folder):
    stems = {}
    for file in picture_files(folder):
        stems.setdefault(os.path.splitext(file)[0], []).append(os.path.join(folder, file))
    return stems


def _listed(path, options):
    """Returns a dict from split to items (annotation file, its stem, a fault of the list or None)."""
    lists = split_files(os.path.join(path, LISTS), ".txt")
    if not lists:
        stems = sorted(
            os.path.splitext(name)[0]
            for name in os.listdir(os.path.join(path, ANNOTATIONS))
            if name.lower().endswith(".xml") and not name.startswith(".")
        )
        return {UNSPLIT: [(f"{ANNOTATIONS}/{stem}.xml", stem, None) for stem in stems]}
    items, seen = {}, {}
    for name, file in lists.items():
        items[name] = []
        for number, line in filled_lines(file, options.encoding):
            stem, here = line.strip(), f"{file} line {number}"
            fault = f"{here} names {stem!r}, which is already in {seen[stem]}" if stem in seen else None
            seen.setdefault(stem, here)
            items[name].append((f"{ANNOTATIONS}/{stem}.xml", stem, fault))
    return items


def _look(path, files, whole, item):
    """Returns the annotated image and (class name, box, difficult) of its objects, in any class."""
    name, stem, fault = item
    if fault is not None:
        raise InputError(fault)
    file = os.path.join(path, name)
    root = _parse(file)
    found = files.get(stem, [])
    if not found:
        wanted = os.path.join(path, PICTURES, stem + ".jpg")
        raise InputError(f"{file} has no image: expected {wanted}")
    if len(found) > 1:
        raise InputError(f"{file} must have one image. Received: {found[0]} and {found[1]}")
    objects = [
        _object(f"{file}: object {number}", one) for number, one in enumerate(root.findall("object"), 1)
    ]
    return annotated_picture(found[0], _declared_size(root, file), file, whole=whole), objects


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
    difficult = (element.findtext("difficult") or "0").strip() not in ("", "0")
    return name, edges, difficult


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
    file = os.path.join(path, item[0])
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
