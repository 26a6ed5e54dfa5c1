"""The frames of a sequence in the order of their numbers, decoded on access."""

import collections.abc
import os
import re

from keras_cnn_zoo.data.files import images as image_files
from keras_cnn_zoo.utils.errors import InputError


class PictureFrames(collections.abc.Sequence):
    """A sequence of images, each decoded on access and not cached.

    Args:
        files: Paths, or bytes of encoded images.
        names: Names of the images in messages; the paths if None.
    """

    def __init__(self, files, names=None):
        self.files = list(files)
        self.names = self.files if names is None else list(names)

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return PictureFrames(self.files[index], self.names[index])
        return image_files.decode(self.files[index], name=self.names[index], channels=3)


def in_frame_order(names, where):
    """Returns the file names of frames sorted by the numbers in them, so that 9.jpg is before 10.jpg.

    Args:
        names: Iterable of file names.
        where: The folder, for messages.

    Raises:
        InputError: Two names have the same place, such as 1.jpg and 01.jpg, or 1.jpg and 1.png.
    """
    ordered = sorted(names, key=lambda name: (_place(name), name))
    for first, second in zip(ordered, ordered[1:], strict=False):
        if _place(first) == _place(second):
            raise InputError(f"{where} must have one image per frame. Received: {first} and {second}")
    return ordered


def _place(name):
    """Returns the stem of a name as a list of texts and numbers in turn."""
    parts = re.split("([0-9]+)", os.path.splitext(name)[0].casefold())
    return [int(part) if position % 2 else part for position, part in enumerate(parts)]
