"""Words of TensorFlow Datasets: an image and its text."""

from keras_cnn_zoo.data.readers.tfds.opened import choose, keys_of, picture_and
from keras_cnn_zoo.data.readers.words import alphabet_of, in_alphabet
from keras_cnn_zoo.data.survey import shared_channels

WANTED = "an image and a text"


def keys(name, features, held, supervised):
    """Returns the keys of image and text, or None if one of them is missing."""
    text = choose(keys_of(held, features.Text), ("text", "label", *supervised))
    return picture_and(text, name, features, held, supervised)


def found(opened):
    """Returns the `Found` of what was opened."""
    alphabet = alphabet_of(opened.options.class_names)

    def text(row):
        return in_alphabet(opened.text(row, 2).strip(), alphabet, opened.where(row))

    def look(row):
        text(row)
        return opened.look_at_picture(row)

    seen = opened.survey(look)
    channels = shared_channels(seen.all_looks())
    return seen.found(
        lambda row: {"image": opened.picture(row, channels), "text": text(row)},
        alphabet,
        channels=channels,
        notes=opened.notes,
        mirror=False,
    )
