"""Words of TensorFlow Datasets: a picture and what it says."""

from keras_cnn_zoo.data.readers.tfds.opened import check_pixels, choose, plain_pictures
from keras_cnn_zoo.data.readers.words import alphabet_of, in_alphabet
from keras_cnn_zoo.data.source import Found, Split
from keras_cnn_zoo.utils.errors import InputError

WANTED = "a picture and a text"


def keys(name, features, held, supervised):
    """Keys of picture and text, or None where there are none."""
    texts = [key for key, feature in held.items() if isinstance(feature, features.Text)]
    text = choose(texts, ("text", "label", *supervised))
    image = choose(plain_pictures(features, held), ("image", *supervised))
    if image is None or text is None:
        return None
    check_pixels(name, image, held[image])
    return image, text


def found(opened):
    """The examples of what was opened."""
    alphabet = alphabet_of(opened.options.class_names)

    def look(row):
        _text(opened.name, row, alphabet)
        return opened.look_at_picture(row)

    kept, looks, skipped = opened.survey(look)
    channels = max((info.channels for info in looks), default=3)

    def split(rows):
        def read_example(position):
            row = rows[position]
            return {"image": opened.picture(row, channels), "text": _text(opened.name, row, alphabet)}

        return Split([row[0] for row in rows], read_example)

    splits = {split_name: split(rows) for split_name, rows in kept.items()}
    return Found(splits, alphabet, channels, opened.notes, tuple(skipped), mirror=False)


def _text(name, row, alphabet):
    where = f"tfds:{name}: {row[0]}"
    try:
        text = row[2].decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{where} is not utf-8 text (byte {error.start})") from error
    return in_alphabet(text.strip(), alphabet, where)
