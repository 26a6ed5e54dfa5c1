"""Finds the XML files and images of `voc:`, and pairs them by their stems.

The layouts, each with or without split folders around it:

    JPEGImages/NAME.jpg, Annotations/NAME.xml, ImageSets/Main/{train,val,test}.txt     (PASCAL)
    NAME.jpg and NAME.xml in the same folder, at any depth                             (Roboflow, LabelImg)
"""

import collections
import os
import posixpath

from keras_cnn_zoo.data.files.images import is_picture
from keras_cnn_zoo.data.files.text import filled_lines
from keras_cnn_zoo.data.left_out import left_out
from keras_cnn_zoo.data.readers.folders import (
    check_folder,
    picture_files,
    visible_files,
    visible_folders,
)
from keras_cnn_zoo.data.readers.split_layout import check_no_hidden_splits, split_files, split_folders
from keras_cnn_zoo.data.splits import UNSPLIT
from keras_cnn_zoo.utils.errors import InputError

PICTURES, ANNOTATIONS, LISTS = "JPEGImages", "Annotations", ("ImageSets", "Main")
# An annotation file, the images that may belong to it, and a fault or None. Paths are relative to PATH.
Item = collections.namedtuple("Item", ["name", "pictures", "fault"])


def is_xml(name):
    """Returns whether a file name ends in `.xml`, in any case, and is not hidden."""
    return not name.startswith(".") and name.lower().endswith(".xml")


def is_data(path):
    """Returns whether a folder itself, or a split folder in it, has annotations."""
    here = [path, *(os.path.join(path, name) for name in split_folders(path).values())]
    return any(_folder(one, ANNOTATIONS) or any(map(is_xml, visible_files(one))) for one in here)


def find(path, encoding):
    """Returns a dict from split to a list of `Item`, and lines to report about unused files."""
    folders = {} if _folder(path, ANNOTATIONS) else split_folders(path)
    if not folders:
        pairs = _pairs(path, "")
        lists = split_files(_lists_folder(path), ".txt")
        if lists:
            return _listed(path, pairs, lists, encoding)
        inside = _split_inside(path, pairs)
        if inside is not None:
            return inside, left_out(pairs.unused, "image", "without annotation")
        check_no_hidden_splits(path, () if split_folders(path) else visible_folders(path))
        notes = left_out(pairs.unused, "image", "without annotation")
        others = visible_files(_lists_folder(path)) if os.path.isdir(_lists_folder(path)) else []
        if others:
            notes += (f"{'/'.join(LISTS)} has no train.txt, val.txt, or test.txt: its lists are not used",)
        return {UNSPLIT: list(pairs.items.values())}, notes
    bases = {name: f"{folder}/" for name, folder in folders.items()}
    for file in picture_files(path, accept=is_xml):
        if not file.startswith(tuple(bases.values())):
            raise InputError(
                f"{path} must not mix split folders ({', '.join(folders.values())}) with other annotations. "
                f"Received: {file}"
            )
    found = {name: _pairs(path, base) for name, base in bases.items()}
    unused = [file for pairs in found.values() for file in pairs.unused]
    items = {name: list(pairs.items.values()) for name, pairs in found.items()}
    return items, left_out(unused, "image", "without annotation")


def _split_inside(path, pairs):
    """Returns a dict from split to items for split folders inside of `Annotations/`, or None without them."""
    annotations = _folder(path, ANNOTATIONS)
    folders = split_folders(os.path.join(path, annotations)) if annotations else {}
    if not folders:
        return None
    bases = {name: f"{annotations}/{folder}/" for name, folder in folders.items()}
    stray = [item.name for item in pairs.items.values() if not item.name.startswith(tuple(bases.values()))]
    if stray:
        raise InputError(
            f"{os.path.join(path, annotations)} must not mix split folders ({', '.join(folders.values())}) "
            f"with other annotations. Received: {stray[0]}"
        )
    return {
        name: [item for item in pairs.items.values() if item.name.startswith(base)]
        for name, base in bases.items()
    }


# A dict from the stem of an annotation to its `Item`, the images without one, and the folder of annotations.
_Pairs = collections.namedtuple("_Pairs", ["items", "unused", "base"])


def _pairs(path, base):
    """Returns the annotations and images of a folder `base`, which is "" or "NAME/" in `path`."""
    root = os.path.join(path, base)
    pictures_folder, annotations_folder = _folder(root, PICTURES), _folder(root, ANNOTATIONS)
    picture_base = base + (f"{pictures_folder}/" if pictures_folder else "")
    annotation_base = base + (f"{annotations_folder}/" if annotations_folder else "")
    annotations = _by_stem(path, annotation_base, is_xml)
    pictures = _by_stem(path, picture_base, is_picture)
    if not pictures and not pictures_folder:
        check_folder(os.path.join(root, PICTURES))
    if not annotations and not annotations_folder:
        check_folder(os.path.join(root, ANNOTATIONS))
    # The folders below Annotations/ need not be those below JPEGImages/: the rest is paired by its name.
    rest = collections.defaultdict(list)
    for stem in pictures.keys() - annotations.keys():
        rest[posixpath.basename(stem)].extend(pictures[stem])
    chosen = {stem: pictures.get(stem) or sorted(rest[posixpath.basename(stem)]) for stem in annotations}
    claims = collections.defaultdict(list)
    for stem in sorted(chosen):
        for file in chosen[stem]:
            claims[file].append(annotations[stem][0])
    items = {}
    for stem in sorted(annotations):
        fault, names = None, annotations[stem]
        doubled = next((claims[file] for file in chosen[stem] if len(claims[file]) > 1), names)
        if len(doubled) > 1:
            fault = f"an image must have one annotation. Received: {doubled[0]} and {doubled[1]}"
        elif len(chosen[stem]) > 1:
            one, other = (os.path.join(path, file) for file in chosen[stem][:2])
            fault = f"{os.path.join(path, names[0])} must have one image. Received: {one} and {other}"
        elif not chosen[stem]:
            expected = os.path.join(path, picture_base, stem + ".jpg")
            fault = f"{os.path.join(path, names[0])} has no image: expected {expected}"
        items[stem] = Item(names[0], chosen[stem], fault)
    unused = sorted(file for files in pictures.values() for file in files if file not in claims)
    return _Pairs(items, unused, annotation_base)


def _listed(path, pairs, lists, encoding):
    """Returns the items that the lists of splits name, and lines to report."""
    items, seen = {}, {}
    for name, file in lists.items():
        items[name] = []
        for number, line in filled_lines(file, encoding):
            stem, here = line.strip().replace("\\", "/"), f"{file} line {number}"
            if stem not in pairs.items and (is_picture(stem) or is_xml(stem)):
                stem = os.path.splitext(stem)[0]
            item = pairs.items.get(stem, Item(f"{pairs.base}{stem}.xml", [], None))
            if stem in seen:
                item = item._replace(fault=f"{here} names {stem!r}, which is already in {seen[stem]}")
            seen.setdefault(stem, here)
            items[name].append(item)
    unlisted = [item.name for stem, item in pairs.items.items() if stem not in seen]
    notes = left_out(pairs.unused, "image", "without annotation")
    return items, (*notes, *left_out(unlisted, "annotation", "in no list"))


def _by_stem(path, base, accept):
    """Returns a dict from the stem below `base` to the files with it, relative to `path`."""
    stems = {}
    for file in picture_files(os.path.join(path, base), accept=accept):
        stems.setdefault(os.path.splitext(file)[0], []).append(base + file)
    return stems


def _folder(path, name):
    """Returns the name of a folder in `path` as it is written there, or None."""
    same = [folder for folder in visible_folders(path) if folder.casefold() == name.casefold()]
    if len(same) > 1:
        raise InputError(f"{path} has two folders {name}: {same[0]} and {same[1]}")
    return same[0] if same else None


def _lists_folder(path):
    for name in LISTS:
        path = os.path.join(path, _folder(path, name) or name) if os.path.isdir(path) else path
    return path
