"""What the kinds of TensorFlow Datasets share: what was opened, the choice of features, pictures."""

import dataclasses

import numpy as np

from keras_cnn_zoo.data.files import images as image_files
from keras_cnn_zoo.data.splits import check_not_empty
from keras_cnn_zoo.data.survey import survey
from keras_cnn_zoo.utils.errors import InputError


@dataclasses.dataclass(frozen=True)
class Opened:
    """A data set in memory, before it is made into examples.

    Args:
        name: its TFDS name.
        columns: dict from split to a list of rows (example name, value of each key in the order of `keys`).
            Pictures that are features of their own are encoded bytes; all else as `tfds.as_numpy` gives it.
        keys: names of the features that the kind asked for.
        features: dict from key to TFDS feature.
        notes: lines to be said aloud.
        options: the `ReadOptions`.
    """

    name: str
    columns: dict
    keys: tuple
    features: dict
    notes: tuple
    options: object

    def class_names(self, feature):
        """Names given by the user, or those of a `ClassLabel` feature, whose number they must have."""
        class_names = self.options.class_names or tuple(feature.names)
        if len(class_names) != feature.num_classes:
            raise InputError(
                f"tfds:{self.name} has {feature.num_classes} classes. "
                f"Received: {len(class_names)} class names"
            )
        return tuple(class_names)

    def check_class(self, example_name, value, class_names):
        """Raises an `InputError` where a class id is none."""
        if not 0 <= value < len(class_names):
            raise InputError(
                f"tfds:{self.name}: {example_name} has the class {value}, outside 0 to {len(class_names) - 1}"
            )

    def survey(self, look):
        """Rows kept by split, what `look` gave of each row kept, and lines on those left out."""
        kept, looks, skipped = {}, [], []
        for split_name, rows in self.columns.items():
            kept[split_name], found, bad = survey(rows, look, skip_bad=self.options.skip_bad)
            check_not_empty(f"tfds:{self.name}", split_name, kept[split_name], skipped=bad)
            looks.extend(found)
            skipped.extend(bad)
        return kept, looks, skipped

    def look_at_picture(self, row):
        """Header of the encoded picture of a row, which is its first value."""
        where = f"tfds:{self.name}: {row[0]}"
        if self.options.skip_bad:
            image_files.decode(row[1], name=where, upright=False)
        return image_files.inspect(row[1], name=where, upright=False)

    def picture(self, row, channels):
        """The decoded picture of a row, which is its first value."""
        # TensorFlow Datasets never turns pictures by their EXIF tag, and masks lie on them as they are.
        return image_files.decode(
            row[1], name=f"tfds:{self.name}: {row[0]}", channels=channels, upright=False
        )


def choose(keys, preferred):
    """The first of `preferred` that is among `keys`, else the only one of `keys`, else None."""
    for key in preferred:
        if key in keys:
            return key
    return keys[0] if len(keys) == 1 else None


def plain_pictures(features, held):
    """Keys of the pictures that are no masks."""
    return [
        key
        for key, feature in held.items()
        if isinstance(feature, features.Image) and not isinstance(feature, features.LabeledImage)
    ]


def check_pixels(name, key, feature):
    """Raises an `InputError` where a picture feature holds other than whole pixels."""
    dtype = np.dtype(feature.np_dtype).name
    if dtype not in ("uint8", "uint16"):
        raise InputError(f"tfds:{name}: {key} must hold uint8 or uint16 pixels. Received: {dtype}")
