"""Arguments of `fit` and `predict` that belong to a task."""

import dataclasses
import math
import numbers

from keras_cnn_zoo.data.augmentation.levels import LEVELS, STANDARD
from keras_cnn_zoo.utils import validation
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
IMAGE_SIZE = Argument("image_size", SIZE, None, "HxW of the network's images")
# Of every task.
AUGMENT = Argument("augment", str, STANDARD, ", ".join(LEVELS))
# Of every task with classes.
CLASS_BALANCE = Argument("class_balance", float, None, "exponent of the weight of rare classes, 0 for none")
# Of `predict` and `evaluate`.
FLIP = Argument("flip", bool, False, "also answer the mirrored image, and merge both answers")
TILES = Argument("tiles", SIZE, None, "HxW of overlapping tiles, for large images")
SCORE_THRESHOLD = Argument("score_threshold", float, None, "lowest score of a box, in answers and pictures")
# Of `predict` alone.
EXPLAIN = Argument("explain", bool, False, "also draw what speaks for the answer (Grad-CAM)")
# Smaller tiles than this say too little.
_SMALLEST_TILE = 32


def checked_size(image_size):
    """Returns `image_size` as a tuple (height, width), or None."""
    if image_size is None:
        return None
    if not _is_size(image_size, 1):
        raise InputError(f"`image_size` must be two positive integers. Received: {image_size!r}")
    return tuple(image_size)


def _is_size(value, least):
    return (
        isinstance(value, (tuple, list))
        and len(value) == 2
        and not any(isinstance(edge, bool) or not isinstance(edge, int) or edge < least for edge in value)
    )


def check_options(*, tiles=None, score_threshold=None, **others):
    """Raises InputError for a bad argument of `answers`; others than these are not checked."""
    if tiles is not None and not _is_size(tiles, _SMALLEST_TILE):
        raise InputError(f"`tiles` must be two integers of at least {_SMALLEST_TILE}. Received: {tiles!r}")
    if score_threshold is not None:
        try:
            validation.probability("score_threshold", score_threshold)
        except ValueError as error:
            raise InputError(str(error)) from error


def checked_range(name, value, *, positive=False):
    """Returns `value`, two finite numbers in order, as a tuple (low, high)."""
    if (
        not isinstance(value, (tuple, list))
        or len(value) != 2
        or any(isinstance(end, bool) or not isinstance(end, numbers.Real) for end in value)
        or not all(map(math.isfinite, value))
        or value[0] > value[1]
        or (positive and value[0] <= 0)
    ):
        kind = "positive" if positive else "finite"
        raise InputError(f"`{name}` must be two {kind} numbers, the smaller one first. Received: {value!r}")
    return tuple(value)


def checked_level(augment, augmentation=None):
    """Returns `augment`, a name in `LEVELS`; only "standard" goes with layers in `augmentation`."""
    level = validation.one_of("augment", augment, tuple(LEVELS))
    if augmentation is not None and level != STANDARD:
        raise InputError(
            f"`augment` must be {STANDARD} if `augmentation` is given. Received: augment={augment!r}"
        )
    return level


def checked_layers(augmentation):
    """Returns Keras layers that augment images as a tuple."""
    if not isinstance(augmentation, (tuple, list)) or not all(
        hasattr(layer, "get_random_transformation") for layer in augmentation
    ):
        raise InputError(
            "`augmentation` must be a sequence of Keras' image augmentation layers. "
            f"Received: {augmentation!r}"
        )
    return tuple(augmentation)
