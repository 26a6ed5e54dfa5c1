"""`otb:PATH`: sequences of the Object Tracking Benchmark, each `img/` next to `groundtruth_rect.txt`.

A line of the text is one frame: left, top, width, and height in pixels, separated by commas, tabs, or spaces.
NaN, or a width or height of 0, means that the target is not visible. If a sequence has two targets,
`groundtruth_rect.1.txt` and `.2.txt` are two sequences. Without folders train, val, and test, all sequences
are test: a benchmark is not training data.
"""

import os
import re

import numpy as np

from keras_cnn_zoo.data.augmentation.pairs import has_target
from keras_cnn_zoo.data.files import images as image_files
from keras_cnn_zoo.data.files.frames import PictureFrames, in_frame_order
from keras_cnn_zoo.data.files.text import read_lines
from keras_cnn_zoo.data.left_out import first_few
from keras_cnn_zoo.data.readers.folders import check_folder, visible_folders
from keras_cnn_zoo.data.readers.picture_folders import SHOWN, list_pictures
from keras_cnn_zoo.data.readers.split_layout import find_splits, single_folders
from keras_cnn_zoo.data.split_words import probable_split
from keras_cnn_zoo.data.survey import survey
from keras_cnn_zoo.utils.errors import InputError

TASKS = ("tracking",)
IMAGES = "img"
_BOXES = re.compile(r"groundtruth_rect(\.\d+)?\.txt")


def read(path, options):
    """Finds the sequences in the folder `path`, which may itself be a sequence."""
    check_folder(path)
    if options.class_names is not None:
        raise InputError(
            "class names cannot be given for tracking data, which has no classes. "
            f"Received: {','.join(options.class_names)}"
        )
    folders, notes = _split_folders(path)
    files = {}
    for name, folder in folders.items():
        files[name], others = _sequences(path, folder)
        if others:
            shown = first_few(others, SHOWN)
            notes += (f"left out the folders {shown}: they have no {IMAGES}/ and groundtruth_rect.txt",)
    seen = survey(
        files, lambda item: read_sequence(os.path.join(path, item[0]), options), skip_bad=options.skip_bad
    )
    seen.check_not_empty(path)
    # No `channels`: a tracker accepts gray and color frames.
    return seen.found(
        lambda sequence: sequence,
        (),
        row=lambda _, sequence: sequence,
        name=lambda item, _: _name(path, item[0]),
        notes=notes,
    )


def read_sequence(boxes_file, options):
    """Reads and checks one tracking example.

    Args:
        boxes_file: path of a `groundtruth_rect.txt`. The images are in `img/` next to it.
        options: `ReadOptions`.

    Returns:
        A dict with `frames`, `boxes`, and `name`.

    Raises:
        InputError: a line is not a box, the numbers of boxes and images differ, or the first box is not in
            its frame.
    """
    folder = os.path.dirname(boxes_file)
    frames = read_frames(folder)
    if options.skip_bad:
        for file in frames.files:
            image_files.decode(file)
    boxes = _boxes(boxes_file, options.encoding)
    if len(boxes) != len(frames):
        raise InputError(
            f"{boxes_file} has {len(boxes)} boxes and {os.path.join(folder, IMAGES)} {len(frames)} images"
        )
    first = image_files.inspect(frames.files[0])
    middle = boxes[0][:2] + boxes[0][2:] / 2
    inside = (middle >= 0).all() and middle[0] <= first.width and middle[1] <= first.height
    if not has_target(boxes[0]) or not inside:
        box = ", ".join(f"{value:g}" for value in boxes[0])
        raise InputError(
            f"{boxes_file} line 1: the first box must be in its frame of {first.width} x {first.height} "
            f"pixels. Received: {box}"
        )
    return {"frames": frames, "boxes": boxes, "name": os.path.basename(folder)}


def read_frames(folder):
    """Returns the images in `img/` of a sequence, or directly in `folder`, as `PictureFrames`.

    They are in the order of the numbers in their names.
    """
    inner = os.path.join(folder, IMAGES)
    inner = inner if os.path.isdir(inner) else folder
    listed = list_pictures(check_folder(inner))
    names = [name for name in listed.files if "/" not in name]
    unread = [f"{name} ({kind})" for name, kind in listed.unread if "/" not in name]
    if unread:
        raise InputError(
            f"{inner} has frames of types that are not read. Received: {first_few(unread, SHOWN)}"
        )
    if not names:
        raise InputError(f"{inner} has no images")
    return PictureFrames([os.path.join(inner, name) for name in in_frame_order(names, inner)])


def first_box(folder, encoding="utf-8", *, frames=None):
    """Returns the first box of a sequence, or None without a text file.

    Args:
        folder: The folder of the sequence.
        encoding: Encoding of the text file.
        frames: Number of frames that the boxes must be for, or None to allow any number. A single box is
            always allowed: it is that of the first frame.
    """
    file = os.path.join(folder, "groundtruth_rect.txt")
    if not os.path.isfile(file):
        return None
    boxes = _boxes(file, encoding)
    if not len(boxes) or not has_target(boxes[0]):
        raise InputError(f"{file} line 1: the first box must be finite and have an area")
    if frames is not None and len(boxes) not in (1, frames):
        raise InputError(
            f"{file} must have one box per frame, or only the first one. "
            f"Received: {len(boxes)} boxes and {frames} images"
        )
    return boxes[0].astype("float64")


def _split_folders(path):
    """Returns a dict from split to its folder relative to `path`, and lines to report."""

    def folders_in(prefix):
        here = os.path.join(path, prefix)
        return [] if _is_sequence(here) else visible_folders(here)

    prefix, splits = find_splits(path, folders_in)
    if not splits:
        *_, prefix = single_folders(path, folders_in)
        # One sequence is as good as a folder of sequences.
        return {"test": prefix[:-1]}, ()
    here = os.path.join(path, prefix[:-1])
    others = [name for name in visible_folders(here) if prefix + name not in splits.values()]
    mixed = [
        name
        for name in others
        if probable_split(name) is not None
        or _is_sequence(os.path.join(here, name))
        or any(
            _is_sequence(os.path.join(here, name, inner))
            for inner in visible_folders(os.path.join(here, name))
        )
    ]
    if mixed:
        raise InputError(
            f"{here} must not mix split folders ({', '.join(splits.values())}) with other folders of "
            f"sequences. Received: {', '.join(mixed)}"
        )
    return splits, (
        f"left out the folders {first_few(others, SHOWN)}: they are not splits",
    ) if others else ()


def _is_sequence(folder):
    return os.path.isdir(os.path.join(folder, IMAGES)) or any(map(_BOXES.fullmatch, os.listdir(folder)))


def _sequences(path, base):
    """Returns [(path of a boxes file relative to `path`,)] of the sequences in `base` or `base` itself.

    The second result is a list of the other folders in `base`, relative to `path`.
    """
    folder = os.path.join(path, base) if base else path
    found, others = [], []
    for name in ["", *visible_folders(folder)]:
        inner = os.path.join(folder, name) if name else folder
        texts = sorted(entry for entry in os.listdir(inner) if _BOXES.fullmatch(entry))
        if texts and not os.path.isdir(os.path.join(inner, IMAGES)):
            raise InputError(f"{inner} must have a folder {IMAGES} next to {texts[0]}")
        if not texts and os.path.isdir(os.path.join(inner, IMAGES)):
            raise InputError(f"{inner} must have a groundtruth_rect.txt next to {IMAGES}")
        if name and not texts and not _is_sequence(folder):
            others.append(os.path.join(base, name).replace(os.sep, "/"))
        found.extend((os.path.join(base, name, text).replace(os.sep, "/"),) for text in texts)
    if not found:
        raise InputError(f"{folder} must have a sequence: a folder with {IMAGES}/ and groundtruth_rect.txt")
    return found, others


def _name(path, file):
    """Returns the name of a sequence: its folder below `path`, and the number of its target."""
    folder, _, text = file.rpartition("/")
    return (folder or os.path.basename(os.path.abspath(path))) + (_BOXES.fullmatch(text).group(1) or "")


def _boxes(file, encoding):
    """Reads the boxes of a text file as float32 (frames, 4)."""
    lines = read_lines(file, encoding)
    while lines and not lines[-1].strip():
        lines.pop()
    boxes = []
    for number, line in enumerate(lines, start=1):
        where = f"{file} line {number}"
        line = line.strip()
        words = [word for word in re.split(r"[,;\s]+", line) if word]
        if len(words) != 4:
            raise InputError(f"{where} must be left, top, width, height. Received: {line!r}")
        try:
            box = [float(word) for word in words]
        except ValueError as error:
            raise InputError(f"{where} must have only numbers. Received: {line!r}") from error
        if np.isinf(box).any() or min(box[2:]) < 0:
            raise InputError(f"{where}: a box must be finite, width and height 0 or more. Received: {line!r}")
        boxes.append(box)
    return np.array(boxes, dtype="float32").reshape(-1, 4)
