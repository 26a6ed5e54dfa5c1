"""Detection data of TensorFlow Datasets: an image and a sequence of boxes with their classes."""

import collections

import numpy as np

from keras_cnn_zoo.data.objects import found_objects, make_objects
from keras_cnn_zoo.data.readers.tfds.opened import choose, keys_of, picture_and

WANTED = "an image and a sequence of boxes with classes"
# Names of the feature that marks a box of many objects, or of one that is too hard.
_CROWD_WORDS = ("is_crowd", "is_difficult")


def keys(name, features, held, supervised):
    """Returns the keys of image and objects, or None if one of them is missing."""
    sequences = [key for key, feature in held.items() if None not in _parts(features, feature)]
    target = choose(sequences, ("objects", *supervised))
    return picture_and(target, name, features, held, supervised)


def _parts(features, feature):
    """Returns the keys of box and class inside a sequence, None for a missing one."""
    inner = getattr(feature, "feature", None)
    if not isinstance(feature, features.Sequence) or not isinstance(inner, features.FeaturesDict):
        return None, None
    boxes = keys_of(inner, features.BBoxFeature)
    labels = keys_of(inner, features.ClassLabel)
    return choose(boxes, ("bbox",)), choose(labels, ("label",))


def found(opened):
    """Returns the `Found` of what was opened."""
    import tensorflow_datasets as tfds

    sequence = opened.features[opened.keys[1]]
    box_key, label_key = _parts(tfds.features, sequence)
    class_names = opened.class_names(sequence.feature[label_key])
    crowd_key = next((key for key in _CROWD_WORDS if key in sequence.feature), None)

    def look(row):
        info, values = opened.look_at_picture(row), row[2]
        for value in values[label_key]:
            opened.check_class(row, int(value), class_names)
        crowd = values[crowd_key] if crowd_key else np.zeros(len(values[label_key]))
        # TFDS boxes are top, left, bottom, right as fractions of the image's size.
        edges = np.asarray(values[box_key], dtype="float64").reshape(-1, 4)[:, [1, 0, 3, 2]]
        objects = make_objects(
            edges * [info.width, info.height, info.width, info.height],
            values[label_key],
            crowd,
            (info.height, info.width),
            lambda position: f"tfds:{opened.name}: object {position + 1} of {row[0]}",
        )
        return _Picture(opened, row, info.channels), objects

    return found_objects(opened.survey(look), f"tfds:{opened.name}", class_names, "crowd", notes=opened.notes)


class _Picture(collections.namedtuple("_Picture", ["opened", "row", "channels"])):
    """The encoded image of a row."""

    def decode(self, channels):
        """Returns the pixels, uint8 (height, width, channels)."""
        return self.opened.picture(self.row, channels)
