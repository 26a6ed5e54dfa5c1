"""The embedded digits, alone or composed into scenes, the default data of the image tasks."""

import numpy as np

from keras_cnn_zoo.data.embedded.digit_scenes import moving, scenes, strings
from keras_cnn_zoo.data.readers.numbering import example_names
from keras_cnn_zoo.data.source import SPLIT_NAMES, Found, Split


def read(path, options):
    """Returns the `Found` of the task, made by `KINDS`; `path` is None."""
    make, class_names = KINDS[options.task]
    splits = {name: make(name) for name in SPLIT_NAMES}
    # Frames are in color, but a tracker accepts gray frames as well.
    channels = None if options.task == "tracking" else 1
    return Found(splits=splits, class_names=class_names, channels=channels, mirror=False)


def _digits(name):
    images, labels = scenes.digits(name)
    return Split(
        example_names(name, len(images)),
        lambda position: {"image": images[position], "label": int(labels[position])},
        labels=labels,
    )


def _scenes(name):
    made = scenes.scenes(name)
    return Split(
        example_names(name, len(made.images)),
        lambda position: {"image": made.images[position], "mask": made.masks[position]},
    )


def _objects(name):
    made = scenes.scenes(name)

    def read_example(position):
        # From top, left, bottom, right.
        boxes = made.boxes[position][:, [1, 0, 3, 2]]
        return {
            "image": made.images[position],
            "boxes": boxes,
            "classes": made.labels[position].astype("int32"),
            "crowd": np.zeros(len(boxes), dtype=bool),
        }

    return Split(example_names(name, len(made.images)), read_example)


def _strings(name):
    made = strings.strings(name)
    return Split(
        example_names(name, len(made.texts)),
        lambda position: {"image": made.images[position], "text": made.texts[position]},
    )


def _moving(name):
    def read_example(position):
        scene = moving.moving_scene(name, position)
        return {"frames": scene, "boxes": scene.boxes, "name": scene.name}

    return Split(example_names(name, moving.COUNTS[name]), read_example)


# From task to the function that makes a split, and the class names.
KINDS = {
    "classification": (_digits, scenes.DIGIT_CLASSES),
    "detection": (_objects, scenes.DIGIT_CLASSES),
    "segmentation": (_scenes, scenes.MASK_CLASSES),
    "text": (_strings, scenes.DIGIT_CLASSES),
    "tracking": (_moving, ()),
}
TASKS = tuple(KINDS)
