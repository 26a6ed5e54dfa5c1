"""The anchors of a detector: checked, and the same number per cell on every level."""

from keras_cnn_zoo.layers import AnchorGenerator
from keras_cnn_zoo.utils import validation


def anchor_generator(sizes, aspect_ratios, *, strides, default):
    """Returns the `AnchorGenerator` of a detector's arguments.

    Args:
        sizes: the argument `anchor_sizes`: per level a number or several, or None for `default`.
        aspect_ratios: the argument `aspect_ratios`.
        strides: stride of each level in pixels, the finest level first.
        default: sizes per level.

    Raises:
        ValueError: for a bad argument, or levels with different numbers of anchors.
    """
    given, sizes = sizes, default if sizes is None else sizes
    try:
        sizes = [_positive_numbers(each) for each in sizes]
    except (TypeError, ValueError):
        sizes = []
    if len(sizes) != len(default):
        validation.fail("anchor_sizes", f"None or positive numbers for each of {len(default)} levels", given)
    try:
        ratios = _positive_numbers(aspect_ratios)
    except (TypeError, ValueError):
        validation.fail("aspect_ratios", "positive numbers", aspect_ratios)
    anchors = AnchorGenerator(
        sizes,
        list(strides),
        aspect_ratios=ratios,
        data_format="channels_last",
        dtype="float32",
        name="anchors",
    )
    if len(set(anchors.anchors_per_cell)) > 1:
        validation.fail("anchor_sizes", "as many on every level, because one head serves all", anchors.sizes)
    return anchors


def anchor_counts(anchors, image_size):
    """Returns the number of anchors of each level for images of `image_size` (height, width)."""
    spaces = [[(length + stride - 1) // stride for length in image_size] for stride in anchors.strides]
    per_cell = anchors.anchors_per_cell[0]
    return [height * width * per_cell for height, width in spaces]


def _positive_numbers(value):
    items = list(value) if isinstance(value, (list, tuple)) else [value]
    if not items:
        raise ValueError("none")
    return [validation.finite_number("value", item, above=0) for item in items]
