"""Still images as tracking data: sequences of one frame, to be moved by `data.augmentation.pairs`."""

import dataclasses
import os

import numpy as np

from keras_cnn_zoo.data.files import images as image_files
from keras_cnn_zoo.data.files.frames import PictureFrames
from keras_cnn_zoo.data.readers.images import picture_splits
from keras_cnn_zoo.data.readers.picture_folders import picture_notes
from keras_cnn_zoo.data.source import Split
from keras_cnn_zoo.data.survey import survey

TASKS = ("tracking",)
UNKNOWN = np.full((1, 4), np.nan, dtype="float32")
# Examples share it.
UNKNOWN.setflags(write=False)


def or_pictures(read):
    """Extends `read` by tracking, for which a folder has images at any depth and no classes."""

    def read_either(path, options):
        return _pictures(path, options) if options.task in TASKS else read(path, options)

    return read_either


def or_boxes(read):
    """Extends the reader of detection data by tracking, with its boxes as the objects to track."""

    def read_either(path, options):
        if options.task not in TASKS:
            return read(path, options)
        found = read(path, dataclasses.replace(options, task="detection"))
        splits = {name: _boxed(split) for name, split in found.splits.items()}
        return dataclasses.replace(found, splits=splits, class_names=(), channels=None)

    return read_either


def _pictures(path, options):
    _, splits, listed = picture_splits(path)
    items = {name: [(file,) for file in listed.within(folder)] for name, folder in splits.items()}

    def look(item):
        image_files.inspect(os.path.join(path, item[0]), whole=options.skip_bad)

    def example(item):
        frames = PictureFrames([os.path.join(path, item[0])])
        return {"frames": [frames[0]], "boxes": UNKNOWN, "name": item[0]}

    return survey(items, look, skip_bad=options.skip_bad).found(
        example, (), notes=picture_notes(listed, places=splits.values())
    )


def _boxed(split):
    def read_example(position):
        example = split[position]
        left, top, right, bottom = np.asarray(example["boxes"], "float32").reshape(-1, 4).T
        boxes = np.stack([left, top, right - left, bottom - top], axis=1)[~np.asarray(example["crowd"])]
        return {
            "frames": [example["image"]],
            "boxes": boxes[:1] if len(boxes) else UNKNOWN,
            "candidates": boxes,
            "name": split.names[position],
        }

    return Split(split.names, read_example)
