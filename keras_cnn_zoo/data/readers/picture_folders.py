"""Lists the images in the user's folders, and everything that is left out.

A file with an image extension is an image. Other files are recognized by their first bytes, so images
without an extension are read, and images of other types, such as HEIC, are reported.
"""

import dataclasses
import os

from keras_cnn_zoo.data.files.headers import image_type
from keras_cnn_zoo.data.files.images import is_picture
from keras_cnn_zoo.data.files.text import CLASSES_FILE
from keras_cnn_zoo.data.left_out import counted, first_few
from keras_cnn_zoo.data.readers.folders import is_ignored

# How many names a report about images has.
SHOWN = 5


@dataclasses.dataclass(frozen=True)
class Pictures:
    """The files at any depth in a folder. All paths are relative to it, with forward slashes, and sorted.

    Args:
        files: Tuple of the paths of images.
        recognized: Tuple of those that have no image extension.
        unread: Tuple of pairs (path, type) of images of other types, such as ("a.heic", "HEIC").
        others: Tuple of the paths of files that are not images.
        empty: Tuple of the folders without images at any depth.
    """

    files: tuple = ()
    recognized: tuple = ()
    unread: tuple = ()
    others: tuple = ()
    empty: tuple = ()

    def within(self, folder):
        """Returns the sorted images at any depth in `folder`, "" for all."""
        return [path for path in self.files if not folder or path.startswith(folder + "/")]

    def folders_in(self, prefix):
        """Returns the names of the folders with images at `prefix`, or none if it has images itself."""
        parts = [path.removeprefix(prefix).split("/") for path in self.files if path.startswith(prefix)]
        return [] if any(len(part) == 1 for part in parts) else sorted({part[0] for part in parts})


def list_pictures(folder):
    """Returns the `Pictures` in `folder`. Hidden files and folders are ignored."""
    files, recognized, unread, others, folders = [], [], [], [], []
    for parent, inner, names in os.walk(folder, followlinks=True):
        inner[:] = sorted(name for name in inner if not is_ignored(name))
        relative = os.path.relpath(parent, folder)
        inside = "" if relative == os.curdir else relative.replace(os.sep, "/") + "/"
        folders.append(inside)
        for name in names:
            if is_ignored(name):
                continue
            path = inside + name
            if is_picture(name):
                files.append(path)
                continue
            kind, readable = image_type(os.path.join(parent, name))
            if readable:
                files.append(path)
                recognized.append(path)
            elif kind is not None:
                unread.append((path, kind))
            elif path != CLASSES_FILE:
                others.append(path)
    held = {"/".join(path.split("/")[:depth]) for path in files for depth in range(1, path.count("/") + 1)}
    empty = [path[:-1] for path in folders if path and path[:-1] not in held]
    return Pictures(*(tuple(sorted(found)) for found in (files, recognized, unread, others, empty)))


def picture_notes(listed, *, noun="images", places=("",)):
    """Returns lines to report on what `listed` leaves out.

    Args:
        listed: `Pictures`.
        noun: Word for the files that are read.
        places: The folders, relative, that have the class folders; "" for the data folder. Files directly in
            them or above them that are not images, such as a README, are not reported.
    """
    notes = []
    if listed.recognized:
        notes.append(
            f"{counted(len(listed.recognized), 'file')} without an image extension read as {noun}: "
            f"{first_few(listed.recognized, SHOWN)}"
        )
    if listed.unread:
        kinds = ", ".join(sorted({kind for _, kind in listed.unread}))
        notes.append(
            f"left out {counted(len(listed.unread), 'file')} of types that are not read ({kinds}): "
            f"{first_few([path for path, _ in listed.unread], SHOWN)}"
        )
    above = {"/".join(place.split("/")[:depth]) for place in places for depth in range(place.count("/") + 2)}
    others = [path for path in listed.others if path.rpartition("/")[0] not in above]
    if others:
        are = "is not an image" if len(others) == 1 else "are not images"
        notes.append(f"left out {counted(len(others), 'file')} that {are}: {first_few(others, SHOWN)}")
    # The folders in an empty folder need no mention.
    empty = [path for path in listed.empty if path.rpartition("/")[0] not in listed.empty]
    if empty:
        notes.append(f"no {noun} in {counted(len(empty), 'folder')}: {first_few(empty, SHOWN)}")
    return tuple(notes)


def nothing_found(listed):
    """Returns words on the files of folders without images, to end the message of an error."""
    files = [f"{path} ({kind})" for path, kind in listed.unread] + list(listed.others)
    if not files:
        return ""
    return (
        f". Received {counted(len(files), 'file')} that cannot be read as images: {first_few(files, SHOWN)}"
    )
