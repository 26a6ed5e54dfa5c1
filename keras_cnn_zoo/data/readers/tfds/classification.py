"""Classification data of TensorFlow Datasets: a picture and a class."""

from keras_cnn_zoo.data.readers.tfds.opened import check_pixels, choose, plain_pictures
from keras_cnn_zoo.data.source import Found, Split

WANTED = "a picture and a class"


def keys(name, features, held, supervised):
    """Keys of picture and class, or None where there are none."""
    targets = [key for key, feature in held.items() if isinstance(feature, features.ClassLabel)]
    target = choose(targets, ("label", *supervised))
    image = choose(plain_pictures(features, held), ("image", *supervised))
    if image is None or target is None:
        return None
    check_pixels(name, image, held[image])
    return image, target


def found(opened):
    """The examples of what was opened."""
    class_names = opened.class_names(opened.features[opened.keys[1]])

    def look(row):
        opened.check_class(row[0], row[2], class_names)
        return opened.look_at_picture(row)

    kept, looks, skipped = opened.survey(look)
    channels = max((info.channels for info in looks), default=3)

    def split(rows):
        def read_example(position):
            row = rows[position]
            return {"image": opened.picture(row, channels), "label": int(row[2])}

        return Split([row[0] for row in rows], read_example, labels=[int(row[2]) for row in rows])

    splits = {split_name: split(rows) for split_name, rows in kept.items()}
    return Found(splits, class_names, channels, opened.notes, tuple(skipped))
