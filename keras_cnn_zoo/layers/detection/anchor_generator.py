"""Anchors: reference boxes of a detector, on a grid over each feature map."""

import math

import keras
from keras import ops

from keras_cnn_zoo.ops import boxes as box_ops
from keras_cnn_zoo.utils import docstrings, validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class AnchorGenerator(keras.layers.Layer):
    """Anchor boxes of fixed sizes and aspect ratios around every cell of one or several feature maps.

    Each cell has one box per size and aspect ratio, with the center `((column + offset) * stride, (row +
    offset) * stride)`, `height / width = ratio`, and `width * height = size^2`. The order of the anchors is
    by map, row, column, size, and ratio, like the reshaped channels of a convolution. Only the shapes of the
    maps matter, not their values.

    Reference: Ren, He, Girshick, Sun, "Faster R-CNN: Towards Real-Time Object Detection with Region Proposal
    Networks", 2015, arXiv 1506.01497.

    Differs from the paper: anchors are centered in the cells (`offset=0.5`), and anchors that cross the
    border of the image are kept.

    Args:
        sizes: Side of a square anchor in pixels of the image, a number or a list of numbers per map.
        strides: Distance between neighboring cells in pixels of the image, an integer per map.
        aspect_ratios: Ratios of height to width, one or several numbers above 0. Defaults to (0.5, 1, 2).
        offset: Position of the center within its cell, in [0, 1]. Defaults to 0.5.
        bounding_box_format: Keras' name of the anchors' format; relative formats divide by the first map's
            size times its stride. Defaults to `"xyxy"`.
        {data_format}
        **kwargs: `name`, `dtype`, ...; use `dtype="float32"` in a half-precision model, because half
            precision rounds coordinates above 256.

    Call arguments:
        features: One map, or a list or dict of maps in the order of `sizes` (keys of a dict sorted).

    Input shape:
        `(batch, height, width, channels)` for each map, or with the channels first.

    Output shape:
        `(batch, sum of height * width * anchors per cell, 4)`.

    Raises:
        ValueError: for an argument outside its range, or maps of the wrong number or rank.

    >>> layer = AnchorGenerator(sizes=[32, 64], strides=[8, 16])
    >>> anchors = layer([np.zeros((1, 4, 4, 8)), np.zeros((1, 2, 2, 8))])
    >>> print(anchors.shape, [float(side) for side in anchors[0, 1]])
    (1, 60, 4) [-12.0, -12.0, 20.0, 20.0]
    """

    def __init__(
        self,
        sizes,
        strides,
        *,
        aspect_ratios=(0.5, 1.0, 2.0),
        offset=0.5,
        bounding_box_format="xyxy",
        data_format=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.sizes = [_numbers("sizes", each, sizes) for each in _sequence("sizes", sizes)]
        if not isinstance(strides, (list, tuple)) or len(strides) != len(self.sizes):
            validation.fail("strides", f"a list of {len(self.sizes)} positive integers, one per map", strides)
        self.strides = [validation.positive_integer("strides", each) for each in strides]
        self.aspect_ratios = _numbers("aspect_ratios", aspect_ratios, aspect_ratios)
        self.offset = validation.finite_number("offset", offset, minimum=0, maximum=1)
        self.bounding_box_format = validation.one_of(
            "bounding_box_format", bounding_box_format, box_ops.FORMATS
        )
        self.data_format = validation.data_format("data_format", data_format)

    @property
    def anchors_per_cell(self):
        """Number of anchors per cell, for each map."""
        return [len(sizes) * len(self.aspect_ratios) for sizes in self.sizes]

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, features):
        maps = keras.tree.flatten(features)
        spaces = [self._space(ops.shape(each)) for each in maps]
        anchors = [
            self._around(*space, stride, sizes)
            for space, stride, sizes in zip(spaces, self.strides, self.sizes, strict=True)
        ]
        anchors = anchors[0] if len(anchors) == 1 else ops.concatenate(anchors, axis=0)
        size = tuple(length * self.strides[0] for length in spaces[0])
        if self.bounding_box_format.startswith("rel_"):
            size = tuple(ops.cast(length, anchors.dtype) for length in size)
        anchors = ops.cast(box_ops.from_xyxy(anchors, self.bounding_box_format, size), self.compute_dtype)
        return ops.broadcast_to(ops.expand_dims(anchors, 0), [ops.shape(maps[0])[0], *ops.shape(anchors)])

    def _around(self, height, width, stride, sizes):
        """Returns one map's anchors (height * width * anchors per cell, 4), "xyxy", in at least float32."""
        dtype = "float64" if self.compute_dtype == "float64" else "float32"
        half_sizes = [
            (size / math.sqrt(ratio) / 2, size * math.sqrt(ratio) / 2)
            for size in sizes
            for ratio in self.aspect_ratios
        ]
        half_width, half_height = (
            ops.convert_to_tensor([pair[place] for pair in half_sizes], dtype=dtype) for place in (0, 1)
        )
        y = (ops.cast(ops.arange(height), dtype) + self.offset) * stride
        x = (ops.cast(ops.arange(width), dtype) + self.offset) * stride
        y, x = ops.reshape(y, (-1, 1, 1)), ops.reshape(x, (1, -1, 1))
        # y (height, 1, 1), x (1, width, 1), half sizes (anchors,) -> boxes (height, width, anchors, 4).
        # Adding zeros broadcasts without known sizes, which `broadcast_to` needs.
        y, x = y + ops.zeros_like(x), x + ops.zeros_like(y)
        boxes = ops.stack([x - half_width, y - half_height, x + half_width, y + half_height], axis=-1)
        return ops.reshape(boxes, (-1, 4))

    def _space(self, shape):
        return tuple(shape[1:3]) if self.data_format == "channels_last" else tuple(shape[2:4])

    def compute_output_shape(self, input_shape):
        shapes = _shapes(input_shape)
        if len(shapes) != len(self.sizes) or any(len(shape) != 4 for shape in shapes):
            raise ValueError(
                f"`AnchorGenerator` takes one map of rank 4 per entry of `sizes`, {len(self.sizes)} here. "
                f"Received: input_shape={input_shape}"
            )
        total = 0
        for shape, count in zip(shapes, self.anchors_per_cell, strict=True):
            height, width = self._space(shape)
            known = total is not None and height is not None and width is not None
            total = total + height * width * count if known else None
        return (shapes[0][0], total, 4)

    def get_config(self):
        return {
            **super().get_config(),
            "sizes": self.sizes,
            "strides": self.strides,
            "aspect_ratios": self.aspect_ratios,
            "offset": self.offset,
            "bounding_box_format": self.bounding_box_format,
            "data_format": self.data_format,
        }


def _sequence(name, value):
    if not isinstance(value, (list, tuple)) or not value:
        validation.fail(name, "a list with one entry per map", value)
    return value


def _numbers(name, value, whole):
    """Returns a list of one or several numbers, all above 0."""
    items = value if isinstance(value, (list, tuple)) else [value]
    try:
        items = [validation.finite_number(name, item, above=0) for item in items]
    except ValueError:
        items = []
    if not items:
        validation.fail(name, "numbers above 0", whole)
    return items


def _shapes(structure):
    """Returns a list of shapes from a shape, a list, or a dict of shapes (in sorted order of keys)."""
    if isinstance(structure, dict):
        return [tuple(structure[key]) for key in sorted(structure)]
    if structure and isinstance(structure[0], (list, tuple)):
        return [tuple(shape) for shape in structure]
    return [tuple(structure)]
