"""Finds the JSON files and images of `coco:`, and checks that a file has the needed parts."""

import dataclasses
import json
import os
import re

from keras_cnn_zoo.data.readers.folders import visible_folders
from keras_cnn_zoo.data.source import SPLIT_NAMES
from keras_cnn_zoo.data.splits import UNSPLIT
from keras_cnn_zoo.utils.errors import InputError

ANNOTATIONS, IMAGES = "annotations", "images"
_PREFERRED = "instances"
_OTHERS = ("captions", "image_info", "panoptic", "person_keypoints", "stuff")


@dataclasses.dataclass(frozen=True)
class Document:
    """A JSON file whose parts have the right types.

    Args:
        file: its path.
        images: list of dicts with `id` and `file_name`.
        annotations: list of dicts.
        categories: dict from id to name.
    """

    file: str
    images: list
    annotations: list
    categories: dict


def find(path):
    """Returns a dict from split to JSON file, and lines to report about unused files."""
    found, others, notes = {}, [], []
    for folder in (path, os.path.join(path, ANNOTATIONS)):
        if not os.path.isdir(folder):
            continue
        for name in sorted(os.listdir(folder)):
            if not name.lower().endswith(".json") or name.startswith("."):
                continue
            stem = os.path.splitext(name)[0].lower()
            words = [split for split in SPLIT_NAMES if split in stem]
            file = os.path.join(folder, name)
            if len(words) == 1:
                found.setdefault(words[0], []).append(file)
            elif words:
                notes.append(f"{file} is not used: its name has {' and '.join(words)}")
            else:
                others.append(file)
    if found:
        files = {}
        for split, candidates in found.items():
            files[split], unused = _choose(split, candidates)
            notes.extend(f"{file} is not used" for file in unused)
        return {name: files[name] for name in SPLIT_NAMES if name in files}, tuple(notes)
    if not others:
        raise InputError(f"{path} and its {ANNOTATIONS}/ have no *train*.json, *val*.json, or *test*.json")
    chosen, unused = _choose("", others)
    return {UNSPLIT: chosen}, tuple(notes + [f"{file} is not used" for file in unused])


def _choose(split, candidates):
    """Returns the one file of a split with objects, and the others."""

    def kind(file):
        stem = os.path.basename(file).lower()
        return 0 if stem.startswith(_PREFERRED) else 2 if stem.startswith(_OTHERS) else 1

    best = min(kind(file) for file in candidates)
    chosen = [file for file in candidates if kind(file) == best]
    if len(chosen) > 1:
        what = f"for {split}" if split else "without a split in the name"
        raise InputError(f"only one JSON file {what} is allowed. Received: {chosen[0]} and {chosen[1]}")
    return chosen[0], [file for file in candidates if file != chosen[0]]


def parse(file):
    """Reads a JSON file as a `Document`."""
    try:
        with open(file, "rb") as stream:
            content = json.load(stream)
    except OSError as error:
        raise InputError(f"cannot read {file}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{file} is not JSON: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise InputError(f"{file} must have one JSON object. Received: {type(content).__name__}")
    for key in ("images", "annotations", "categories"):
        if not isinstance(content.get(key), list) or not all(isinstance(one, dict) for one in content[key]):
            raise InputError(f"{file} must have a list of objects {key!r}. It has: {', '.join(content)}")
    for image in content["images"]:
        name = image.get("file_name")
        if not _is_id(image.get("id")) or not isinstance(name, str) or not name:
            raise InputError(f"{file}: an image must have an id and a file_name. Received: {_short(image)}")
    for annotation in content["annotations"]:
        ids = annotation.get("id", 0), annotation.get("image_id"), annotation.get("category_id")
        if not all(map(_is_id, ids)):
            raise InputError(
                f"{file}: an annotation must have an image_id and a category_id. "
                f"Received: {_short(annotation)}"
            )
    categories = {}
    for category in content["categories"]:
        number, name = category.get("id"), category.get("name")
        if not _is_id(number) or not isinstance(name, str) or not name:
            raise InputError(f"{file}: a category must have an id and a name. Received: {_short(category)}")
        if number in categories:
            raise InputError(f"{file}: category ids must be unique. Received twice: {number}")
        categories[number] = name
    if not categories:
        raise InputError(f"{file} has no categories")
    return Document(file, content["images"], content["annotations"], categories)


def declared_size(image, where):
    """Returns (height, width) of an image, or None if the file does not have it."""
    size = image.get("height"), image.get("width")
    if any(edge in (None, 0) for edge in size):
        return None
    if not all(isinstance(edge, int) and edge > 0 for edge in size):
        raise InputError(f"{where}: height and width must be positive integers. Received: {size}")
    return size


def picture_folders(path, split_name, file):
    """Returns the folders that may have the images of a split, the likeliest first."""
    stem = os.path.splitext(os.path.basename(file))[0].lower()
    roots = [path, os.path.join(path, IMAGES)]
    folders = []
    for root in roots:
        if not os.path.isdir(root):
            continue
        names = visible_folders(root)
        exact = [name for name in names if name == split_name]
        # "train2017" next to "instances_train2017.json".
        alike = [
            name
            for name in names
            if name.lower().startswith(split_name) and re.search(rf"(^|\W|_){re.escape(name.lower())}$", stem)
        ]
        folders.extend(os.path.join(root, name) for name in dict.fromkeys(alike + exact))
    return [*folders, os.path.join(path, IMAGES), path]


def picture_file(path, folders, name):
    """Returns the path of an image in the first folder that has it, or the expected path."""
    for folder in folders:
        file = os.path.join(folder, name)
        if os.path.isfile(file):
            return file
    return os.path.join(next((folder for folder in folders if os.path.isdir(folder)), path), name)


def _is_id(value):
    return isinstance(value, (int, str)) and not isinstance(value, bool)


def _short(value):
    text = json.dumps(value)
    return text if len(text) <= 120 else text[:117] + "..."
