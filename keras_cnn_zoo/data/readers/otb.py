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
from keras_cnn_zoo.data.files.frames import PictureFrames
from keras_cnn_zoo.data.files.text import read_lines
from keras_cnn_zoo.data.readers.folders import check_folder, picture_files, split_folders, visible_folders
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
    folders = split_folders(path)
    files = {name: _sequences(path, folder) for name, folder in folders.items()}
    files = files or {"test": _sequences(path, "")}
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
    """Returns the sorted images in `img/` of a sequence, or directly in `folder`, as `PictureFrames`."""
    inner = os.path.join(folder, IMAGES)
    inner = inner if os.path.isdir(inner) else folder
    files = [os.path.join(inner, name) for name in picture_files(check_folder(inner)) if "/" not in name]
    if not files:
        raise InputError(f"{inner} has no images")
    return PictureFrames(files)


def first_box(folder, encoding="utf-8"):
    """Returns the first box of a sequence, or None without a text file."""
    file = os.path.join(folder, "groundtruth_rect.txt")
    if not os.path.isfile(file):
        return None
    boxes = _boxes(file, encoding)
    if not len(boxes) or not has_target(boxes[0]):
        raise InputError(f"{file} line 1: the first box must be finite and have an area")
    return boxes[0].astype("float64")


def _sequences(path, base):
    """Returns [(path of a boxes file relative to `path`,)] of the sequences in `base` or `base` itself."""
    folder = os.path.join(path, base)
    found = []
    for name in ["", *visible_folders(folder)]:
        inner = os.path.join(folder, name)
        texts = sorted(entry for entry in os.listdir(inner) if _BOXES.fullmatch(entry))
        if texts and not os.path.isdir(os.path.join(inner, IMAGES)):
            raise InputError(f"{inner} must have a folder {IMAGES} next to {texts[0]}")
        if not texts and os.path.isdir(os.path.join(inner, IMAGES)):
            raise InputError(f"{inner} must have a groundtruth_rect.txt next to {IMAGES}")
        found.extend((os.path.join(base, name, text).replace(os.sep, "/"),) for text in texts)
    if not found:
        raise InputError(f"{folder} must have a sequence: a folder with {IMAGES}/ and groundtruth_rect.txt")
    return found


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
