"""Texts of TensorFlow Datasets: a text and a class."""

from keras_cnn_zoo.data.readers.texts import check_text
from keras_cnn_zoo.data.readers.tfds.opened import choose
from keras_cnn_zoo.data.source import Found, Split
from keras_cnn_zoo.utils.errors import InputError

WANTED = "a text and a class"


def keys(name, features, held, supervised):
    """Keys of text and class, or None where there are none."""
    texts = [key for key, feature in held.items() if isinstance(feature, features.Text)]
    targets = [key for key, feature in held.items() if isinstance(feature, features.ClassLabel)]
    text = choose(texts, (*supervised, "text", "sentence"))
    target = choose(targets, ("label", *supervised))
    return None if text is None or target is None else (text, target)


def found(opened):
    """The examples of what was opened."""
    class_names = opened.class_names(opened.features[opened.keys[1]])

    def look(row):
        opened.check_class(row[0], row[2], class_names)
        check_text(f"tfds:{opened.name}: {row[0]}", _decoded(opened.name, row))

    kept, _, skipped = opened.survey(look)

    def split(rows):
        def read_example(position):
            row = rows[position]
            return {"text": _decoded(opened.name, row), "label": int(row[2])}

        return Split([row[0] for row in rows], read_example, labels=[int(row[2]) for row in rows])

    splits = {split_name: split(rows) for split_name, rows in kept.items()}
    return Found(splits, class_names, None, opened.notes, tuple(skipped))


def _decoded(name, row):
    try:
        return row[1].decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"tfds:{name}: {row[0]} is not utf-8 text (byte {error.start})") from error
