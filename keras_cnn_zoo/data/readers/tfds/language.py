"""Texts of TensorFlow Datasets: a text and a class."""

from keras_cnn_zoo.data.readers.texts import check_text, note_on_scripts
from keras_cnn_zoo.data.readers.tfds.opened import choose, keys_of

WANTED = "a text and a class"


def keys(name, features, held, supervised):
    """Returns the keys of text and class, or None if one of them is missing."""
    text = choose(keys_of(held, features.Text), (*supervised, "text", "sentence"))
    target = choose(keys_of(held, features.ClassLabel), ("label", *supervised))
    return None if text is None or target is None else (text, target)


def found(opened):
    """Returns the `Found` of what was opened."""
    class_names = opened.class_names(opened.features[opened.keys[1]])

    def look(row):
        opened.check_class(row, row[2], class_names)
        text = opened.text(row, 1)
        check_text(opened.where(row), text)
        return text

    seen = opened.survey(look)
    return seen.found(
        lambda row: {"text": opened.text(row, 1), "label": int(row[2])},
        class_names,
        label=lambda row: int(row[2]),
        notes=(*opened.notes, *note_on_scripts(seen.all_looks())),
    )
