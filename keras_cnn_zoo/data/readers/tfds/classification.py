"""Classification data of TensorFlow Datasets: an image and a class."""

from keras_cnn_zoo.data.readers.tfds.opened import choose, keys_of, picture_and
from keras_cnn_zoo.data.survey import shared_channels

WANTED = "an image and a class"


def keys(name, features, held, supervised):
    """Returns the keys of image and class, or None if one of them is missing."""
    target = choose(keys_of(held, features.ClassLabel), ("label", *supervised))
    return picture_and(target, name, features, held, supervised)


def found(opened):
    """Returns the `Found` of what was opened."""
    class_names = opened.class_names(opened.features[opened.keys[1]])

    def look(row):
        opened.check_class(row, row[2], class_names)
        return opened.look_at_picture(row)

    seen = opened.survey(look)
    channels = shared_channels(seen.all_looks())
    return seen.found(
        lambda row: {"image": opened.picture(row, channels), "label": int(row[2])},
        class_names,
        label=lambda row: int(row[2]),
        channels=channels,
        notes=opened.notes,
    )
