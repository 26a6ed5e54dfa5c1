"""Finds the images and label files that the `data.yaml` of `yolo:` describes.

ultralytics                                     Roboflow
path: ../datasets/coco8                         train: ../train/images      (means train/images)
train: images/train    (labels/train)           val: ../valid/images        (valid/labels)
val: images/val                                 test: ../test/images
names: {0: person, 1: bicycle}                  names: [person, bicycle]
"""

import collections
import os
import re

from keras_cnn_zoo.data.files import yaml_files
from keras_cnn_zoo.data.files.images import is_picture
from keras_cnn_zoo.data.files.text import CLASSES_FILE, filled_lines, read_text
from keras_cnn_zoo.data.left_out import left_out
from keras_cnn_zoo.data.readers.folders import picture_files, visible_files
from keras_cnn_zoo.data.readers.numbering import distinct_names
from keras_cnn_zoo.data.split_words import by_split, split_of
from keras_cnn_zoo.utils.errors import InputError

_YAML = (".yaml", ".yml")
_IMAGES, _LABELS = "images", "labels"
# An image: its name in `Split.names`, its file, its label file or None, and a fault of the list or None.
Item = collections.namedtuple("Item", ["name", "file", "labels", "fault"])


def yaml_file(path):
    """Returns the path of the YAML file in a folder, or None if there is none.

    Raises:
        InputError: Several files could be meant.
    """
    found = [name for name in visible_files(path) if name.lower().endswith(_YAML)]
    best = [name for name in found if os.path.splitext(name.lower())[0] == "data"] or found
    if len(best) > 1:
        raise InputError(f"{path} must have one {yaml_files.DATA_FILE}. Received: {', '.join(best)}")
    return os.path.join(path, best[0]) if best else None


def parse(file, encoding):
    """Returns the content of the YAML file, with `names` as a tuple."""
    content = yaml_files.parse(read_text(file, encoding), file)
    names = yaml_files.class_names(content, file)
    if names is None:
        raise InputError(f"{file} must have `names`, the names of the classes. It has: {', '.join(content)}")
    return {**content, "names": names}


def find(path, file, content, encoding):
    """Returns a dict from split to a list of `Item`, and lines to report.

    Args:
        path: The folder to which names are relative.
        file: The YAML file.
        content: Its content.
        encoding: Of the lists of images.
    """
    folder = os.path.dirname(file)
    roots = _roots(folder, content, file)
    keys = [key for key in content if split_of(key) and yaml_files.given(content, key)]
    files, notes, faults = {}, [], {}
    for split, key in by_split(keys, file).items():
        entries = yaml_files.given(content, key)
        entries = [entries] if isinstance(entries, str) else entries
        if not isinstance(entries, list) or not all(isinstance(entry, str) and entry for entry in entries):
            raise InputError(f"{file}: {key} must be a path or a list of paths. Received: {entries!r:.80}")
        places = {entry: _resolve(entry, roots) for entry in entries}
        missing = [entry for entry, place in places.items() if place is None]
        if missing and (split == "train" or len(missing) < len(entries)):
            raise InputError(
                f"{file}: {key} names {missing[0]}, which does not exist in {' or '.join(map(str, roots))}"
            )
        if missing:
            # Roboflow names all three splits, also those that it does not export.
            notes.append(f"{file}: {key} names {missing[0]}, which does not exist: there is no {split} split")
            continue
        above = [entry for entry, place in places.items() if _is_above(entry, place, roots)]
        if above:
            notes.append(f"{file}: {key} names {above[0]}, which is not below the folder of the file")
        found = [one for place in places.values() for one in _images_of(place, key, file, roots, encoding)]
        files[split] = list(dict(found))
        faults.update(found)
        repeated = len(found) - len(files[split])
        if repeated:
            notes.append(f"left out {repeated} images that {file} names twice for {split}")
    if not files:
        raise InputError(f"{file} must name the images of train, val, or test. It has: {', '.join(content)}")
    labels = _Labels(path)
    relative = {split: [_relative(one, path) for one in found] for split, found in files.items()}
    names, shared = distinct_names(relative)
    items = {
        split: [
            Item(name, one, labels.of(one), faults[one])
            for name, one in zip(names[split], found, strict=True)
        ]
        for split, found in files.items()
    }
    return items, (*notes, *shared, *_unused(path, items, labels))


def _roots(folder, content, file):
    """Returns the folders to which paths may be relative: `path`, and that of the YAML file."""
    given = yaml_files.given(content, "path")
    if given is None:
        return [folder]
    if not isinstance(given, str):
        raise InputError(f"{file}: path must be a folder. Received: {given!r:.80}")
    place = os.path.normpath(os.path.join(folder, given.strip().replace("\\", "/")))
    place = place if os.path.isdir(place) else _resolve(given, [folder])
    return [folder] if place is None else list(dict.fromkeys((place, folder)))


def _resolve(entry, roots):
    """Returns the existing file or folder that an entry means, or None.

    Roboflow writes "../train/images" for "train/images". Above the folder, that would be another data set.
    """
    entry = entry.strip().replace("\\", "/")
    inside = re.sub(r"^(\./)*(\.\./)+", "", entry)
    places = [os.path.normpath(os.path.join(root, entry)) for root in roots]
    stripped = [os.path.normpath(os.path.join(root, inside)) for root in roots]
    order = [*stripped, *places] if inside != entry else places
    return next((place for place in order if os.path.exists(place)), None)


def _is_above(entry, place, roots):
    """Returns whether an entry with `../` leads out of all folders to which it may be relative."""
    return ".." in entry.split("/") and not any(
        place.startswith(os.path.normpath(root) + os.sep) for root in roots
    )


def _images_of(place, key, file, roots, encoding):
    """Returns pairs (image, fault or None) of a folder, an image, or a list of images."""
    if os.path.isdir(place):
        return [(os.path.join(place, name), None) for name in picture_files(place)]
    if is_picture(place):
        return [(place, None)]
    if not place.lower().endswith(".txt"):
        raise InputError(f"{file}: {key} must name folders, images, or lists NAME.txt. Received: {place}")
    found, roots = [], [os.path.dirname(place), *roots]
    for number, line in filled_lines(place, encoding):
        image, fault = _resolve(line, roots), None
        if image is None:
            image = os.path.join(roots[0], line.strip())
            fault = f"{place} line {number} names an image that does not exist. Received: {line.strip()}"
        found.append((image, fault))
    return found


class _Labels:
    """The label files of images: in `labels/` parallel to the last `images/`, or next to the image.

    Args:
        path: The data folder. Folders above it are not taken for `images/`.
    """

    def __init__(self, path):
        self.path = path
        self._listings = {}

    def of(self, image):
        """Returns the label file of an image, or None."""
        stem = os.path.splitext(os.path.basename(image))[0]
        for folder in self.folders(image):
            name = self.listing(folder).get(stem)
            if name is not None:
                return os.path.join(folder, name)
        return None

    def folders(self, image):
        """Returns the folders that may have the label file of an image."""
        parts = _relative(image, self.path).split("/")[:-1]
        same = os.path.join(self.path, *parts)
        places = [place for place, part in enumerate(parts) if part.casefold() == _IMAGES]
        if not places:
            return [same]
        above = os.path.join(self.path, *parts[: places[-1]])
        names = os.listdir(above) if os.path.isdir(above) else []
        labels = sorted(name for name in names if name.casefold() == _LABELS) or [_LABELS]
        return [*(os.path.join(above, name, *parts[places[-1] + 1 :]) for name in labels), same]

    def listing(self, folder):
        """Returns a dict from stem to the name of a text file in a folder."""
        if folder not in self._listings:
            names = visible_files(folder) if os.path.isdir(folder) else ()
            self._listings[folder] = {
                os.path.splitext(name)[0]: name
                for name in names
                if name.lower().endswith(".txt") and name != CLASSES_FILE
            }
        return self._listings[folder]


def _unused(path, items, labels):
    """Returns lines to report about images without labels or splits, and about labels without an image."""
    chosen = [item for of_split in items.values() for item in of_split]
    without = [item.name for item in chosen if item.labels is None and item.fault is None]
    if len(without) == len(chosen) and chosen:
        image = chosen[0].file
        expected = os.path.join(
            labels.folders(image)[0], os.path.splitext(os.path.basename(image))[0] + ".txt"
        )
        raise InputError(f"{path} has no label files. Expected for {image}: {expected}")
    notes = []
    if without:
        count = "1 image has" if len(without) == 1 else f"{len(without)} images have"
        notes.append(f"{count} no label file, so no objects, such as {without[0]}")
    used = {item.file for item in chosen}
    others = [os.path.join(path, name) for name in picture_files(path)]
    others = [file for file in others if os.path.normpath(file) not in used]
    notes += left_out([_relative(file, path) for file in others], "image", "in no split")
    folders = {folder for file in used for folder in labels.folders(file)[:1]}
    held = {os.path.join(folder, name) for folder in folders for name in labels.listing(folder).values()}
    known = {labels.of(file) for file in (*used, *others)}
    lone = sorted(_relative(file, path) for file in held - known)
    return (*notes, *left_out([name for name in lone if "/" in name], "label file", "without an image"))


def _relative(file, path):
    return os.path.relpath(file, path).replace(os.sep, "/")
