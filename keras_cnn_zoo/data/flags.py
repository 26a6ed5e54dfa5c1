"""Booleans in annotation files, which tools write as numbers, words, or nothing."""

from keras_cnn_zoo.utils.errors import InputError

# "Unspecified" is the word of PASCAL VOC for an attribute that the annotator left open.
_FALSE = {"", "0", "false", "no", "f", "n", "none", "null", "unspecified"}
_TRUE = {"1", "true", "yes", "t", "y"}


def as_flag(value, where):
    """Returns the boolean that an annotation gives.

    Args:
        value: A boolean, the number 0 or 1, a text such as "0", "1.0", "False", or "Unspecified", or None for
            a missing one. A text is never True only because it is not empty.
        where: Name of the value in messages.

    Raises:
        InputError: The value is anything else.
    """
    if value is None:
        return False
    if isinstance(value, str):
        word = value.strip().casefold()
        if word in _FALSE or word in _TRUE:
            return word in _TRUE
        try:
            number = float(word)
        except ValueError:
            number = None
    else:
        number = value if isinstance(value, (bool, int, float)) else None
    if number not in (0, 1):
        raise InputError(f"{where} must be 0 or 1. Received: {value!r}")
    return bool(number)
