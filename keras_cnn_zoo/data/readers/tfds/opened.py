"""Shared parts of the TensorFlow Datasets readers: an opened data set, the choice of features, images."""

import dataclasses

import numpy as np

from keras_cnn_zoo.data.files import images as image_files
from keras_cnn_zoo.data.readers.numbered_names import numbered_names
from keras_cnn_zoo.data.survey import survey
from keras_cnn_zoo.utils.errors import InputError


@dataclasses.dataclass(frozen=True)
class Opened:
    """A data set in memory, before it is made into examples.

    Args:
        name: its TFDS name.
        columns: dict from split to a list of rows (example name, value of each key in the order of `keys`).
            Top-level images are encoded bytes. Other values are as `tfds.as_numpy` gives them.
        keys: names of the features that the task needs.
        features: dict from key to TFDS feature.
        notes: lines to report.
        options: the `ReadOptions`.
    """

    name: str
    columns: dict
    keys: tuple
    features: dict
    notes: tuple
    options: object

    def class_names(self, feature):
        """Returns the user's class names, after checking their number, or those of a `ClassLabel`."""
        class_names = numbered_names(tuple(feature.names), self.options, f"tfds:{self.name}")
        if len(class_names) != feature.num_classes:
            raise InputError(
                f"tfds:{self.name} needs {feature.num_classes} class names. "
                f"Received: {len(class_names)} class names"
            )
        return tuple(class_names)

    def where(self, row):
        """Returns the name of a row in messages."""
        return f"tfds:{self.name}: {row[0]}"

    def check_class(self, row, value, class_names):
        """Raises an `InputError` if a class id of a row is out of range."""
        if not 0 <= value < len(class_names):
            raise InputError(f"{self.where(row)} has the class {value}, outside 0 to {len(class_names) - 1}")

    def survey(self, look):
        """Returns the `Survey` of the rows, in which no split is empty."""
        seen = survey(self.columns, look, skip_bad=self.options.skip_bad)
        seen.check_not_empty(f"tfds:{self.name}")
        return seen

    def look_at_picture(self, row):
        """Returns the header of the encoded image of a row, which is its first value."""
        return image_files.inspect(row[1], name=self.where(row), upright=False, whole=self.options.skip_bad)

    def picture(self, row, channels):
        """Returns the decoded image of a row, which is its first value."""
        # TensorFlow Datasets ignores the EXIF orientation, so masks match the stored pixels.
        return image_files.decode(row[1], name=self.where(row), channels=channels, upright=False)

    def text(self, row, position):
        """Returns the text that is encoded at a position of a row."""
        try:
            return row[position].decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"{self.where(row)} is not utf-8 text (byte {error.start})") from error


def choose(keys, preferred):
    """Returns the first of `preferred` that is in `keys`, else the only one of `keys`, else None."""
    for key in preferred:
        if key in keys:
            return key
    return keys[0] if len(keys) == 1 else None


def keys_of(held, kind):
    """Returns the keys of the features of a class."""
    return [key for key, feature in held.items() if isinstance(feature, kind)]


def plain_pictures(features, held):
    """Returns the keys of the images that are not masks."""
    masks = keys_of(held, features.LabeledImage)
    return [key for key in keys_of(held, features.Image) if key not in masks]


def picture_and(target, name, features, held, supervised):
    """Returns the keys of the image and of `target`, or None if one of them is missing."""
    image = choose(plain_pictures(features, held), ("image", *supervised))
    if image is None or target is None:
        return None
    check_pixels(name, image, held[image])
    return image, target


def check_pixels(name, key, feature):
    """Raises an `InputError` if the pixels of an image feature are not uint8 or uint16."""
    dtype = np.dtype(feature.np_dtype).name
    if dtype not in ("uint8", "uint16"):
        raise InputError(f"tfds:{name}: {key} must have uint8 or uint16 pixels. Received: {dtype}")
