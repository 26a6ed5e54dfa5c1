"""Detection data of TensorFlow Datasets: a picture and a sequence of boxes with their classes."""

import numpy as np

from keras_cnn_zoo.data.objects import check_any, make_objects, notes_on
from keras_cnn_zoo.data.readers.tfds.opened import check_pixels, choose, plain_pictures
from keras_cnn_zoo.data.source import Found, Split

WANTED = "a picture and a sequence of boxes with classes"
# What data sets call a box that holds many, or one too hard to be asked for.
_CROWD_WORDS = ("is_crowd", "is_difficult")


def keys(name, features, held, supervised):
    """Keys of picture and objects, or None where there are none."""
    sequences = [key for key, feature in held.items() if None not in _parts(features, feature)]
    target = choose(sequences, ("objects", *supervised))
    image = choose(plain_pictures(features, held), ("image", *supervised))
    if image is None or target is None:
        return None
    check_pixels(name, image, held[image])
    return image, target


def _parts(features, feature):
    """Keys of box and class inside a sequence, None where it has none."""
    inner = getattr(feature, "feature", None)
    if not isinstance(feature, features.Sequence) or not isinstance(inner, features.FeaturesDict):
        return None, None
    boxes = [key for key, part in inner.items() if isinstance(part, features.BBoxFeature)]
    labels = [key for key, part in inner.items() if isinstance(part, features.ClassLabel)]
    return choose(boxes, ("bbox",)), choose(labels, ("label",))


def found(opened):
    """The examples of what was opened."""
    import tensorflow_datasets as tfds

    sequence = opened.features[opened.keys[1]]
    box_key, label_key = _parts(tfds.features, sequence)
    class_names = opened.class_names(sequence.feature[label_key])
    crowd_key = next((key for key in _CROWD_WORDS if key in sequence.feature), None)

    def look(row):
        info, values = opened.look_at_picture(row), row[2]
        for value in values[label_key]:
            opened.check_class(row[0], int(value), class_names)
        crowd = values[crowd_key] if crowd_key else np.zeros(len(values[label_key]))
        # TFDS: top, left, bottom, right as parts of the picture's size.
        edges = np.asarray(values[box_key], dtype="float64").reshape(-1, 4)[:, [1, 0, 3, 2]]
        objects = make_objects(
            edges * [info.width, info.height, info.width, info.height],
            values[label_key],
            crowd,
            (info.height, info.width),
            lambda position: f"tfds:{opened.name}: object {position + 1} of {row[0]}",
        )
        return info, objects

    kept, looks, skipped = opened.survey(look)
    channels = max((info.channels for info, _ in looks), default=3)
    of_picture = iter([objects for _, objects in looks])
    objects = {name: [next(of_picture) for _ in rows] for name, rows in kept.items()}
    check_any(f"tfds:{opened.name}", objects)

    def split(rows, here):
        def read_example(position):
            one = here[position]
            image = opened.picture(rows[position], channels)
            return {"image": image, "boxes": one.boxes, "classes": one.classes, "crowd": one.crowd}

        return Split([row[0] for row in rows], read_example)

    splits = {name: split(rows, objects[name]) for name, rows in kept.items()}
    notes = (*opened.notes, *notes_on(objects, class_names, "crowd"))
    return Found(splits, class_names, channels, notes, tuple(skipped))
