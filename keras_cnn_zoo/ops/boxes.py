"""Boxes as tensors (..., 4): formats, overlap, deltas to and from anchors, clipping.

All functions except the conversions take "xyxy": left, top, right, bottom. A box of zero or negative size is
padding: it overlaps nothing, and its deltas are 0.
"""

from keras import ops

FORMATS = (
    "xyxy",
    "yxyx",
    "xywh",
    "center_xywh",
    "center_yxhw",
    "rel_xyxy",
    "rel_yxyx",
    "rel_xywh",
    "rel_center_xywh",
)
"""Keras' names of box formats; relative ones are in fractions of the image's width and height."""

# exp(4.135) = 62.5 = 1000 / 16: an anchor of 16 pixels can grow to 1,000.
MAX_LOG_SIZE = 4.135


def to_xyxy(boxes, bounding_box_format, size=None):
    """Converts boxes of any of `FORMATS` to "xyxy".

    Args:
        boxes: tensor (..., 4).
        bounding_box_format: one of `FORMATS`.
        size: (height, width) of the image, by which relative coordinates are multiplied, or None to leave
            them relative.

    Returns:
        A tensor (..., 4).
    """
    layout = bounding_box_format.removeprefix("rel_")
    first, second, third, fourth = split(boxes)
    if layout in ("yxyx", "center_yxhw"):
        first, second, third, fourth = second, first, fourth, third
    if layout == "xywh":
        third, fourth = first + third, second + fourth
    elif layout.startswith("center"):
        half_width, half_height = third / 2, fourth / 2
        first, second, third, fourth = (
            first - half_width,
            second - half_height,
            first + half_width,
            second + half_height,
        )
    if size is not None and bounding_box_format.startswith("rel_"):
        height, width = size
        first, second, third, fourth = first * width, second * height, third * width, fourth * height
    return ops.stack([first, second, third, fourth], axis=-1)


def from_xyxy(boxes, bounding_box_format, size=None):
    """Converts "xyxy" boxes to any of `FORMATS`: the inverse of `to_xyxy`."""
    left, top, right, bottom = split(boxes)
    if size is not None and bounding_box_format.startswith("rel_"):
        height, width = size
        left, top, right, bottom = left / width, top / height, right / width, bottom / height
    layout = bounding_box_format.removeprefix("rel_")
    if layout == "xywh":
        right, bottom = right - left, bottom - top
    elif layout.startswith("center"):
        left, top, right, bottom = (left + right) / 2, (top + bottom) / 2, right - left, bottom - top
    if layout in ("yxyx", "center_yxhw"):
        left, top, right, bottom = top, left, bottom, right
    return ops.stack([left, top, right, bottom], axis=-1)


def split(boxes):
    """Returns the four coordinates of boxes (..., 4), each (...)."""
    return boxes[..., 0], boxes[..., 1], boxes[..., 2], boxes[..., 3]


def smaller(one, other):
    """Returns the elementwise minimum; `keras.ops.minimum` computes in float32 on PyTorch.

    NaN in `one` is passed over; see `at_most`.
    """
    return ops.where(one < other, one, other)


def larger(one, other):
    """Returns the elementwise maximum; see `smaller`."""
    return ops.where(one > other, one, other)


def at_most(values, limit):
    """Returns the values, or the limit where they are larger. NaN stays NaN."""
    return ops.where(values >= limit, limit, values)


def at_least(values, limit):
    """Returns the values, or the limit where they are smaller. NaN stays NaN."""
    return ops.where(values <= limit, limit, values)


def divide(numerator, denominator):
    """Returns the quotient, or 0 where the denominator is 0 or less; its gradient is finite everywhere.

    NaN in the denominator gives NaN.
    """
    empty = denominator <= 0
    quotient = numerator / ops.where(empty, ops.ones_like(denominator), denominator)
    return ops.where(empty, ops.zeros_like(quotient), quotient)


def intersection_and_union(one, other):
    """Returns the areas of intersection and union of two tuples of coordinates that broadcast."""
    left, top, right, bottom = one
    left_2, top_2, right_2, bottom_2 = other
    width = ops.relu(smaller(right, right_2) - larger(left, left_2))
    height = ops.relu(smaller(bottom, bottom_2) - larger(top, top_2))
    intersection = width * height
    area = ops.relu(right - left) * ops.relu(bottom - top)
    area_2 = ops.relu(right_2 - left_2) * ops.relu(bottom_2 - top_2)
    return intersection, area + area_2 - intersection


def pairwise_iou(one, other):
    """Returns the intersection over union of every box of `one` with every box of `other`.

    Args:
        one: tensor (..., n, 4), "xyxy".
        other: tensor (..., m, 4), "xyxy".

    Returns:
        A tensor (..., n, m), 0 where both boxes are empty.
    """
    rows = tuple(ops.expand_dims(part, -1) for part in split(one))
    columns = tuple(ops.expand_dims(part, -2) for part in split(other))
    return divide(*intersection_and_union(rows, columns))


def centers_and_sizes(boxes):
    """Returns center x, center y, width, and height."""
    left, top, right, bottom = split(boxes)
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


def encode(boxes, anchors, weights=(1.0, 1.0, 1.0, 1.0)):
    """Returns the deltas (dx, dy, log width, log height) from `anchors` to `boxes`, each times its weight.

    The offsets are in units of the anchor's size (Girshick et al., 2014). An empty box gets deltas of 0,
    and one with NaN gets NaN.
    """
    x, y, width, height = centers_and_sizes(boxes)
    anchor_x, anchor_y, anchor_width, anchor_height = centers_and_sizes(anchors)
    empty = ops.logical_or(
        ops.logical_or(width <= 0, height <= 0), ops.logical_or(anchor_width <= 0, anchor_height <= 0)
    )

    def guarded(value, substitute):
        return ops.where(empty, substitute, value)

    one = ops.ones_like(anchor_width)
    anchor_width, anchor_height = guarded(anchor_width, one), guarded(anchor_height, one)
    deltas = (
        (guarded(x, anchor_x) - anchor_x) / anchor_width,
        (guarded(y, anchor_y) - anchor_y) / anchor_height,
        ops.log(guarded(width, anchor_width) / anchor_width),
        ops.log(guarded(height, anchor_height) / anchor_height),
    )
    return ops.stack([delta * weight for delta, weight in zip(deltas, weights, strict=True)], axis=-1)


def decode(deltas, anchors, weights=(1.0, 1.0, 1.0, 1.0)):
    """Applies deltas to `anchors`: the inverse of `encode`, with logarithms clipped at 4.135."""
    dx, dy, log_width, log_height = (
        part / weight for part, weight in zip(split(deltas), weights, strict=True)
    )
    x, y, width, height = centers_and_sizes(anchors)
    limit = ops.full_like(log_width, MAX_LOG_SIZE)
    x, y = x + dx * width, y + dy * height
    width = width * ops.exp(at_most(log_width, limit))
    height = height * ops.exp(at_most(log_height, limit))
    return ops.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=-1)


def clip(boxes, height, width):
    """Clips boxes to an image of that height and width."""
    left, top, right, bottom = split(boxes)
    return ops.stack(
        [
            ops.clip(left, 0.0, width),
            ops.clip(top, 0.0, height),
            ops.clip(right, 0.0, width),
            ops.clip(bottom, 0.0, height),
        ],
        axis=-1,
    )


def take_rows(values, indices):
    """Returns `values[b, indices[b, i]]` for `values` (batch, n, ...) and `indices` (batch, ...).

    It is one gather along the second axis of a flattened tensor. Along the first axis, TensorFlow's gradient
    would be sparse. `take_along_axis` takes a dozen operations.
    """
    shape = ops.shape(values)
    batch, count, tail = shape[0], shape[1], list(shape[2:])
    flat = ops.reshape(values, [1, -1, *tail])
    indices = ops.cast(indices, "int32")
    starts = ops.reshape(ops.cast(ops.arange(batch), "int32") * count, [-1] + [1] * (len(indices.shape) - 1))
    return ops.squeeze(ops.take(flat, indices + starts, axis=1), axis=0)
