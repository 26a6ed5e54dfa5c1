"""Parsers of the values of options."""

import json
import math

from keras_cnn_zoo.tasks.argument import BOX, SIZE
from keras_cnn_zoo.utils.errors import InputError


def parse_size(text, option="--image-size"):
    """Returns (height, width) of a text "HxW", and None for None."""
    if text is None:
        return None
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isascii() and part.isdecimal() and int(part) > 0 for part in parts):
        raise InputError(f"{option} must be HxW, such as 224x224. Received: {text!r}")
    return int(parts[0]), int(parts[1])


def parse_box(text, option="--box"):
    """Returns four numbers of a text "X,Y,W,H" in pixels, and None for None."""
    if text is None:
        return None
    try:
        box = tuple(float(part) for part in text.split(","))
    except ValueError:
        box = ()
    if len(box) != 4 or not all(map(math.isfinite, box)) or min(box[2:]) <= 0:
        raise InputError(f"{option} must be X,Y,W,H in pixels, width and height above 0. Received: {text!r}")
    return box


def parse_rate(text, option="--learning-rate"):
    """Returns a number, the word "auto", or None for None."""
    if text is None or text == "auto":
        return text
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{option} must be a number or auto. Received: {text!r}") from error


# Parsers for the types of a task's arguments that are given as text on the command line.
PARSERS = {SIZE: parse_size, BOX: parse_box}


def parse_settings(settings):
    """Returns the dicts of `--set`: of the model, of the task, and of the recipe.

    A name is that of a model's argument, "task.NAME", or "recipe.NAME". A value that is not valid JSON is
    text.
    """
    found = {"model": {}, "task": {}, "recipe": {}}
    for setting in settings or ():
        name, equals, value = setting.partition("=")
        owner, dot, rest = name.partition(".")
        owner, name = (owner, rest) if dot else ("model", name)
        if not equals or not name.isidentifier() or owner not in found or (dot and owner == "model"):
            raise InputError(
                f"--set must be NAME=VALUE, task.NAME=VALUE, or recipe.NAME=VALUE. Received: {setting!r}"
            )
        if name in found[owner]:
            raise InputError(f"--set {setting.partition('=')[0]} is given twice")
        try:
            found[owner][name] = json.loads(value)
        except (ValueError, RecursionError):
            found[owner][name] = value
    return found
