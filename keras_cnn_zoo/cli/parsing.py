"""From the text of an option to a value."""

import json
import math

from keras_cnn_zoo.utils.errors import InputError


def parse_size(text):
    """ "HxW" to (height, width)."""
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isascii() and part.isdecimal() and int(part) > 0 for part in parts):
        raise InputError(f"--image-size must be HxW, such as 224x224. Received: {text!r}")
    return int(parts[0]), int(parts[1])


def parse_box(text):
    """ "X,Y,W,H" in pixels to four numbers."""
    if text is None:
        return None
    try:
        box = tuple(float(part) for part in text.split(","))
    except ValueError:
        box = ()
    if len(box) != 4 or not all(map(math.isfinite, box)) or min(box[2:]) <= 0:
        raise InputError(f"--box must be X,Y,W,H in pixels, width and height above 0. Received: {text!r}")
    return box


def parse_settings(settings):
    """ "NAME=VALUE" texts to a dict; a value is JSON, or text where it is none."""
    found = {}
    for setting in settings or ():
        name, equals, value = setting.partition("=")
        if not equals or not name.isidentifier():
            raise InputError(f"--set must be NAME=VALUE. Received: {setting!r}")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def data_options_of(skip_bad, split_file, ignore_label, class_names, encoding):
    """Returns the reader options that were given, as a dict."""
    options = {
        "skip_bad": skip_bad or None,
        "split_file": split_file,
        "ignore_label": ignore_label,
        "class_names": None if class_names is None else [name.strip() for name in class_names.split(",")],
        "encoding": encoding,
    }
    return {name: value for name, value in options.items() if value is not None}
