"""Arguments of `fit` and `predict` that belong to a task."""

import dataclasses

from keras_cnn_zoo.utils.errors import InputError

# Types of arguments that are tuples, named by how a command line writes them.
SIZE = "HxW"
BOX = "X,Y,W,H"


@dataclasses.dataclass(frozen=True)
class Argument:
    """An argument that a task adds to `fit` or `predict`, and from which the command makes an option.

    Args:
        name: name of the Python argument.
        type: `int`, `float`, `str`, or `bool`; `SIZE` for (height, width); `BOX` for (left, top, width,
            height).
        default: value if not given.
        help: one line for `--help`.
    """

    name: str
    type: object
    default: object
    help: str


# An argument of every task whose models take images.
IMAGE_SIZE = Argument("image_size", SIZE, None, "HxW of a new network's images")


def checked_size(image_size):
    """Returns `image_size` as a tuple (height, width), or None."""
    if image_size is None:
        return None
    if (
        not isinstance(image_size, (tuple, list))
        or len(image_size) != 2
        or any(isinstance(edge, bool) or not isinstance(edge, int) or edge < 1 for edge in image_size)
    ):
        raise InputError(f"`image_size` must be two positive integers. Received: {image_size!r}")
    return tuple(image_size)
