"""Finds the JSON files and images of `coco:`, and checks that a file has the needed parts."""

import dataclasses
import json
import os
import re

from keras_cnn_zoo.data.files.images import is_picture
from keras_cnn_zoo.data.left_out import left_out
from keras_cnn_zoo.data.readers.folders import picture_files, visible_files, visible_folders
from keras_cnn_zoo.data.readers.split_layout import split_folders
from keras_cnn_zoo.data.source import SPLIT_NAMES
from keras_cnn_zoo.data.split_words import split_of, splits_in
from keras_cnn_zoo.data.splits import UNSPLIT
from keras_cnn_zoo.utils.errors import InputError

ANNOTATIONS, IMAGES = "annotations", "images"
_ROBOFLOW = "_annotations.coco.json"
_PREFERRED = "instances"
_OTHERS = ("captions", "image_info", "panoptic", "person_keypoints", "stuff")


@dataclasses.dataclass(frozen=True)
class Document:
    """A JSON file whose parts have the right types.

    Args:
        file: its path.
        images: list of dicts with `id` and `file_name`.
        annotations: list of dicts with `image_id` and `category_id`, and with `id`, which may be None.
        categories: dict from id to name.
        parents: dict from id to the supercategory, or None.

    Ids are integers, or strings that are not the digits of one.
    """

    file: str
    images: list
    annotations: list
    categories: dict
    parents: dict


def is_data(path):
    """Returns whether a folder, its `annotations/`, or a split folder in it has a JSON file."""
    here = [path, *_annotation_folders(path), *(os.path.join(path, f) for f in split_folders(path).values())]
    return any(_json_files(folder) for folder in here)


def find(path):
    """Returns a dict from split to JSON file, and lines to report about unused files."""
    found, others, notes = {}, [], []
    for file in [file for folder in (path, *_annotation_folders(path)) for file in _json_files(folder)]:
        words = splits_in(os.path.splitext(os.path.basename(file))[0])
        if len(words) == 1:
            found.setdefault(words.pop(), []).append(file)
        elif words:
            given = " and ".join(split for split in SPLIT_NAMES if split in words)
            notes.append(f"{file} is not used: its name has {given}")
        else:
            others.append(file)
    for split, folder in split_folders(path).items():
        files = _json_files(os.path.join(path, folder))
        exact = [file for file in files if os.path.basename(file).lower() == _ROBOFLOW]
        found.setdefault(split, []).extend(exact or files)
        notes.extend(f"{file} is not used" for file in files if exact and file not in exact)
    found = {split: files for split, files in found.items() if files}
    if found:
        files = {}
        for split, candidates in found.items():
            files[split], unused = _choose(split, candidates)
            notes.extend(f"{file} is not used" for file in unused)
        notes.extend(f"{file} is not used: its name has no split" for file in others)
        return {name: files[name] for name in SPLIT_NAMES if name in files}, tuple(notes)
    if not others:
        raise InputError(f"{path} and its {ANNOTATIONS}/ have no *train*.json, *val*.json, or *test*.json")
    chosen, unused = _choose("", others)
    return {UNSPLIT: chosen}, tuple(notes + [f"{file} is not used" for file in unused])


def _json_files(folder):
    return [os.path.join(folder, name) for name in visible_files(folder) if name.lower().endswith(".json")]


def _annotation_folders(path):
    return [os.path.join(path, name) for name in visible_folders(path) if name.casefold() == ANNOTATIONS]


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
    images, annotations, categories, parents = [], [], {}, {}
    for image in content["images"]:
        number, name = _id(image.get("id")), image.get("file_name")
        if number is None or not isinstance(name, str) or not name:
            raise InputError(f"{file}: an image must have an id and a file_name. Received: {_short(image)}")
        images.append({**image, "id": number})
    for annotation in content["annotations"]:
        ids = {key: _id(annotation.get(key)) for key in ("id", "image_id", "category_id")}
        if ids["image_id"] is None or ids["category_id"] is None:
            raise InputError(
                f"{file}: an annotation must have an image_id and a category_id. "
                f"Received: {_short(annotation)}"
            )
        if ids["id"] is None and annotation.get("id") is not None:
            raise InputError(
                f"{file}: an id must be an integer, a text, or null. Received: {_short(annotation)}"
            )
        annotations.append({**annotation, **ids})
    for category in content["categories"]:
        number, name = _id(category.get("id")), category.get("name")
        if number is None or not isinstance(name, str) or not name:
            raise InputError(f"{file}: a category must have an id and a name. Received: {_short(category)}")
        if number in categories:
            raise InputError(f"{file}: category ids must be unique. Received twice: {number}")
        categories[number], parents[number] = name, category.get("supercategory")
    if not categories:
        raise InputError(f"{file} has no categories")
    return Document(file, images, annotations, categories, parents)


def declared_size(image, where):
    """Returns (height, width) of an image, or None if the file does not have it."""
    size = image.get("height"), image.get("width")
    if any(edge is None or edge == 0 for edge in size):
        return None
    edges = tuple(map(_id, size))
    if not all(isinstance(edge, int) and 0 < edge < 2**31 for edge in edges):
        raise InputError(f"{where}: height and width must be positive integers. Received: {_short(size)}")
    return edges


def picture_folders(path, split_name, file):
    """Returns the folders that may have the images of a split, the likeliest first."""
    stem = os.path.splitext(os.path.basename(file))[0].lower()
    roots = [path, os.path.join(path, IMAGES)]
    folders, home = [], os.path.dirname(file)
    if home not in (path, *_annotation_folders(path)):
        folders += [home, os.path.join(home, IMAGES)]
    for root in roots:
        if not os.path.isdir(root):
            continue
        names = visible_folders(root)
        exact = [name for name in names if split_of(name) == split_name]
        # "train2017" next to "instances_train2017.json".
        alike = [
            name
            for name in names
            if splits_in(name) == {split_name} and re.search(rf"(^|\W|_){re.escape(name.lower())}$", stem)
        ]
        folders.extend(os.path.join(root, name) for name in dict.fromkeys(alike + exact))
    return [*folders, os.path.join(path, IMAGES), path]


def picture_file(path, folders, name):
    """Returns the path of an image in the first folder that has it, or the expected path."""
    # Files written on Windows may have its separator.
    for written in dict.fromkeys((name, name.replace("\\", "/"))):
        for folder in folders:
            file = os.path.join(folder, written)
            if os.path.isfile(file):
                return file
    return os.path.join(next((folder for folder in folders if os.path.isdir(folder)), path), name)


def unlisted(path, names, documents):
    """Returns lines to report about images that are not in a JSON file, but next to those that are.

    Args:
        path: The data folder.
        names: Names of the images in JSON files, relative to `path`.
        documents: Dict from split to `Document`.
    """
    listed, missed = set(names), []
    for folder in sorted({os.path.dirname(name) for name in names if not name.startswith("..")}):
        inside = (
            visible_files(os.path.join(path, folder)) if os.path.isdir(os.path.join(path, folder)) else ()
        )
        missed += [f"{folder}/{name}".lstrip("/") for name in inside if is_picture(name)]
    for split, folder in split_folders(path).items():
        if split not in documents:
            missed += [f"{folder}/{name}" for name in picture_files(os.path.join(path, folder))]
    return left_out(
        [name for name in dict.fromkeys(missed) if name not in listed], "image", "in no JSON file"
    )


def _id(value):
    """Returns an id as an integer, or as a string if it is not the digits of one; None if it is neither."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        return int(value) if re.fullmatch("-?[1-9][0-9]{0,17}|0", value) else value or None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _short(value):
    text = json.dumps(value)
    return text if len(text) <= 120 else text[:117] + "..."
