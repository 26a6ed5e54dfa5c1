"""`coco:PATH`: JSON files in COCO's format, one per split, and their images.

The files are `*{train,val,test}*.json` in PATH or `annotations/`, where the split is a word of the name, or
one per split folder, next to the images, as Roboflow writes them. A single file of another name is data
without splits. Next to `instances_*` files, those for captions, keypoints, and panoptic masks are ignored.
Images are in a folder named like the split (`train`, or `train2017` next to `instances_train2017`), in
`images/`, or in PATH. `file_name` is the path in that folder.

Detection reads `bbox` (x, y, width, height in pixels), or the extent of the `segmentation` if there is no
`bbox`. `iscrowd` marks regions of many objects. Segmentation draws polygons and run-length masks as class
ids, with 0 for background. The smallest are drawn last, so that no object is hidden by a larger one.
"""

import os

from keras_cnn_zoo.data.files.text import find_class_names
from keras_cnn_zoo.data.flags import as_flag
from keras_cnn_zoo.data.objects import annotated_picture, found_objects, make_objects
from keras_cnn_zoo.data.readers import coco_files, coco_masks
from keras_cnn_zoo.data.readers.split_layout import read_inside
from keras_cnn_zoo.data.survey import survey
from keras_cnn_zoo.utils.errors import InputError

TASKS = ("detection", "segmentation")


def read(path, options):
    """Finds the JSON files of the folder `path`."""
    return read_inside(path, options, coco_files.is_data, _read)


def _read(path, options):
    files, notes = coco_files.find(path)
    documents = {name: coco_files.parse(file) for name, file in files.items()}
    categories, dropped = _categories(documents)
    names = find_class_names(path, options) or tuple(categories.values())
    if options.task == "segmentation":
        names = coco_masks.with_background(names)
    # A class that the user does not name is an error only if an object has it.
    classes = {number: names.index(name) for number, name in categories.items() if name in names}
    items, skipped, taken = {}, [], {}
    for name, document in documents.items():
        items[name], bad = _items(path, name, document, taken, options.skip_bad)
        skipped.extend(bad)
    notes = (*notes, *dropped, *coco_files.unlisted(path, taken, documents))
    seen = survey(items, lambda item: _look(classes, categories, options, item), skip_bad=options.skip_bad)
    seen.check_not_empty(path)
    if options.task == "segmentation":
        return coco_masks.found_masks(seen, path, options, names, notes=notes, skipped=skipped)
    return found_objects(seen, path, names, "crowd", notes=notes, skipped=skipped)


def _categories(documents):
    """Returns a dict from category id to name, ordered by id, and lines to report.

    Files with the same id must agree. Roboflow writes a category 0, which is not a class, but the
    supercategory of all others.
    """
    found = {}
    for document in documents.values():
        for number, name in document.categories.items():
            if found.setdefault(number, name) != name:
                raise InputError(
                    f"{document.file} calls category {number} {name!r}, but another file {found[number]!r}"
                )
    notes, parents = (), set()
    for document in documents.values():
        parents |= {str(parent) for number, parent in document.parents.items() if number != 0}
    used = any(one["category_id"] == 0 for document in documents.values() for one in document.annotations)
    if len(found) > 1 and not used and parents == {found.get(0)}:
        notes = (
            f"category 0 ({found.pop(0)}) is the supercategory of the others, not a class: it has no objects",
        )
    ordered = {number: found[number] for number in sorted(found, key=lambda one: (isinstance(one, str), one))}
    if len(set(ordered.values())) < len(ordered):
        doubled = [name for name in ordered.values() if list(ordered.values()).count(name) > 1]
        raise InputError(f"{next(iter(documents.values())).file} has two categories called {doubled[0]!r}")
    return ordered, notes


def _items(path, split_name, document, taken, skip_bad):
    """Returns a split's items and the lines about annotations that were left out.

    An item is (name, document, image file, image, its annotations, fault or None). An annotation is a pair of
    its name in messages and its dict. `taken` is a dict from
    image name to document of the previous splits; this split's images are added to it.
    """
    folders = coco_files.picture_folders(path, split_name, document.file)
    by_image, bad, numbers = {image["id"]: [] for image in document.images}, [], set()
    for position, annotation in enumerate(document.annotations):
        number = annotation["id"]
        fault = None
        if number is not None and number in numbers:
            fault = f"{document.file}: annotation ids must be unique. Received twice: {number}"
        elif annotation["image_id"] not in by_image:
            fault = (
                f"{document.file}: {_called(annotation, position)} belongs to the image "
                f"{annotation['image_id']}, which is not listed"
            )
        numbers.add(number)
        if fault is None:
            by_image[annotation["image_id"]].append((_called(annotation, position), annotation))
        elif skip_bad:
            bad.append(f"{_called(annotation, position)}: {fault}")
        else:
            raise InputError(fault)
    items, ids = [], set()
    for image in document.images:
        file = coco_files.picture_file(path, folders, image["file_name"])
        name = os.path.relpath(file, path).replace(os.sep, "/")
        fault = None
        if image["id"] in ids:
            fault = f"{document.file}: image ids must be unique. Received twice: {image['id']}"
        elif name in taken:
            fault = f"{document.file} names {image['file_name']}, which is already in {taken[name]}"
        ids.add(image["id"])
        taken.setdefault(name, document.file)
        items.append((name, document, file, image, by_image[image["id"]], fault))
    return items, bad


def _called(annotation, position):
    """Returns the name of an annotation in messages."""
    number = annotation["id"]
    return f"annotation {number}" if number is not None else f"annotations[{position}], which has no id,"


def _look(classes, categories, options, item):
    """Returns the annotated image, and its `Objects` or regions to draw."""
    _, document, file, image, annotations, fault = item
    if fault is not None:
        raise InputError(fault)
    where = f"{document.file}: image {image['id']}"
    if not os.path.isfile(file):
        raise InputError(f"{where} names an image that does not exist: {file}")
    declared = coco_files.declared_size(image, where)
    picture = annotated_picture(file, declared, where, whole=options.skip_bad)
    size = (picture.height, picture.width)
    words = [f"{document.file}: {called} of {image['file_name']}" for called, _ in annotations]
    annotations = [annotation for _, annotation in annotations]
    for annotation, word in zip(annotations, words, strict=True):
        number = annotation["category_id"]
        if number not in classes:
            known = f"{categories[number]!r}" if number in categories else f"the unknown category {number}"
            raise InputError(f"{word} has {known}, which is not a class of this data")
    ids = [classes[one["category_id"]] for one in annotations]
    if options.task == "segmentation":
        regions = [
            coco_masks.region(annotation, class_id, size, word)
            for annotation, class_id, word in zip(annotations, ids, words, strict=True)
        ]
        return picture, [region for region in regions if region is not None]
    boxes = [_box(one, size, word) for one, word in zip(annotations, words, strict=True)]
    crowd = [
        as_flag(one.get("iscrowd"), f"{word}: iscrowd") for one, word in zip(annotations, words, strict=True)
    ]
    return picture, make_objects(boxes, ids, crowd, size, lambda position: words[position])


def _box(annotation, size, where):
    """Returns (left, top, right, bottom) of an annotation."""
    box = annotation.get("bbox")
    if box is None:
        region = coco_masks.region(annotation, 0, size, where)
        if region is None:
            raise InputError(f"{where} has neither a bbox nor a segmentation")
        box = coco_masks.extent(region)
    if (
        not isinstance(box, list)
        or len(box) != 4
        or not all(isinstance(edge, (int, float)) and not isinstance(edge, bool) for edge in box)
    ):
        raise InputError(f"{where}: bbox must be four numbers x, y, width, height. Received: {box!r}")
    try:
        left, top, width, height = map(float, box)
    except OverflowError:
        raise InputError(f"{where} must have numbers of a usual size. Received: {box!r:.80}") from None
    return left, top, left + width, top + height
