"""Reads the palette of colored masks: a text file of lines `R G B name`, one per class."""

import dataclasses

import numpy as np

from keras_cnn_zoo.data.files.text import filled_lines
from keras_cnn_zoo.utils.errors import InputError


@dataclasses.dataclass(frozen=True)
class Palette:
    """The colors of the classes.

    Args:
        path: Path of the file, for messages.
        names: Tuple of class names, position = class.
        codes: Tuple of the colors, each 65536 R + 256 G + B.
    """

    path: str
    names: tuple
    codes: tuple

    def class_ids(self, colors, where):
        """Returns a mask of class ids, uint8 or int32 (height, width).

        Args:
            colors: uint8 (height, width, 3).
            where: Name of the mask in messages.

        Raises:
            InputError: A color is not in the palette.
        """
        codes = colors.astype("int32") @ np.array([65536, 256, 1], dtype="int32")
        own = np.array(self.codes, dtype="int32")
        order = np.argsort(own)
        ids = order[np.minimum(np.searchsorted(own[order], codes), len(order) - 1)]
        strange = np.argwhere(own[ids] != codes)
        if len(strange):
            row, column = strange[0]
            share = len(strange) / codes.size
            color = " ".join(str(value) for value in colors[row, column])
            raise InputError(
                f"{where} must have only colors of {self.path}. Received: {color} at row {row}, column "
                f"{column} ({share:.1%} of the pixels have other colors)"
            )
        return ids.astype("uint8" if len(order) <= 256 else "int32")


def read_palette(path, encoding):
    """Reads a palette. Line n, counted from 0 without empty lines, is class n.

    Args:
        path: Path of a text file of lines `R G B name`. A name may have spaces.
        encoding: Its encoding.

    Raises:
        InputError: A line is not a color and a name, a color or name is repeated, or there are fewer than two
            classes.
    """
    names, codes = [], []
    for number, line in filled_lines(path, encoding):
        where = f"{path} line {number}"
        words = line.split(None, 3)
        if len(words) < 4 or not all(word.isascii() and word.isdigit() for word in words[:3]):
            raise InputError(f"{where} must be `R G B name`. Received: {line!r}")
        color = [int(word) for word in words[:3]]
        name = words[3].strip()
        if max(color) > 255:
            raise InputError(f"{where} must have numbers from 0 to 255. Received: {line!r}")
        code = 65536 * color[0] + 256 * color[1] + color[2]
        if code in codes:
            raise InputError(f"{where} repeats the color of {names[codes.index(code)]!r}. Received: {line!r}")
        if name in names:
            raise InputError(f"{where} repeats the name {name!r}")
        names.append(name)
        codes.append(code)
    if len(names) < 2:
        raise InputError(f"{path} must have two classes or more. Received: {', '.join(names) or 'none'}")
    return Palette(path, tuple(names), tuple(codes))
