"""The embedded set, for a task whose data was not named."""

from keras_cnn_zoo.data.digit_scenes import scenes
from keras_cnn_zoo.data.readers.numbering import example_names
from keras_cnn_zoo.data.source import SPLIT_NAMES, Found, Split
from keras_cnn_zoo.utils.errors import InputError

TASKS = ("classification", "segmentation")


def read(path, options):
    """Single digits for classification, scenes with masks for segmentation; `path` is None."""
    if options.class_names is not None:
        raise InputError("class names cannot be given to the embedded digit_scenes, which have their own")
    make = _digits if options.task == "classification" else _scenes
    class_names = scenes.DIGIT_CLASSES if options.task == "classification" else scenes.MASK_CLASSES
    splits = {name: make(name) for name in SPLIT_NAMES}
    return Found(splits=splits, class_names=class_names, channels=1, mirror=False)


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
