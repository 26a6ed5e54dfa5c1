"""RoIAlign: pools the features inside a box to a grid of fixed size."""

import keras
from keras import ops

from keras_cnn_zoo.ops import boxes as box_ops
from keras_cnn_zoo.ops.roi_align import roi_align
from keras_cnn_zoo.utils import docstrings, validation
from keras_cnn_zoo.utils.dtypes import at_least_float32


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class ROIAlign2D(keras.layers.Layer):
    """Features inside each box, sampled on a grid of fixed size without rounding coordinates.

    The box is multiplied by `spatial_scale` and divided into `output_size` cells. Each cell is the mean of
    `sampling_ratio^2` bilinear samples. For the second stage of a detector, whose head needs inputs of one
    size. Differentiable with respect to features and boxes.

    Reference: He, Gkioxari, Dollar, Girshick, "Mask R-CNN", 2017, arXiv 1703.06870.

    Differs from the paper: `aligned=True`, as in the authors' later code: the center of pixel 0 is at 0.5. A
    sample up to one pixel outside the map has the value at the border; samples further out are 0.

    Args:
        output_size: Height and width of the grid, an integer or a pair of integers.
        spatial_scale: Ratio of the map's size to the image's size, for example 1 / 16; above 0.
        sampling_ratio: Samples along each side of a cell, a positive integer. Defaults to 2.
        aligned: Whether pixel centers are at half integers. False shifts boxes by 0.5 pixels and makes their
            sides at least one pixel of the map. Defaults to True.
        bounding_box_format: Keras' name of the boxes' format; relative formats are fractions of the image.
            Defaults to `"xyxy"`, in pixels of the image.
        {data_format}
        {kwargs}

    Call arguments:
        features: A floating-point tensor.
        boxes: Boxes per image of the batch; a float32 input stays float32 in a half-precision model.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` for channels_first; and
        `(batch, n, 4)`.

    Output shape:
        `(batch, n, *output_size, channels)`, or `(batch, channels, n, *output_size)` for channels_first.

    Raises:
        ValueError: for an argument outside its range, or inputs of the wrong rank.

    >>> layer = ROIAlign2D(7, spatial_scale=1 / 16)
    >>> features = np.random.default_rng(0).normal(size=(2, 20, 30, 8))
    >>> print(layer(features, np.array([[[16.0, 16, 200, 120]]] * 2)).shape)
    (2, 1, 7, 7, 8)
    """

    def __init__(
        self,
        output_size,
        spatial_scale,
        *,
        sampling_ratio=2,
        aligned=True,
        bounding_box_format="xyxy",
        data_format=None,
        **kwargs,
    ):
        # Autocasting would round boxes to half precision.
        super().__init__(autocast=False, **kwargs)
        self.output_size = validation.positive_integers("output_size", output_size, 2)
        self.spatial_scale = validation.finite_number("spatial_scale", spatial_scale, above=0)
        self.sampling_ratio = validation.positive_integer("sampling_ratio", sampling_ratio)
        self.aligned = validation.boolean("aligned", aligned)
        self.bounding_box_format = validation.one_of(
            "bounding_box_format", bounding_box_format, box_ops.FORMATS
        )
        self.data_format = validation.data_format("data_format", data_format)

    def build(self, features_shape, boxes_shape):
        self.compute_output_shape(features_shape, boxes_shape)
        self.built = True

    def call(self, features, boxes):
        features = ops.cast(features, self.compute_dtype)
        if self.data_format == "channels_first":
            features = ops.transpose(features, (0, 2, 3, 1))
        dtype = at_least_float32(self.compute_dtype)
        size = [ops.shape(features)[axis] for axis in (1, 2)]
        if self.bounding_box_format.startswith("rel_"):
            size = [ops.cast(length, dtype) / self.spatial_scale for length in size]
        boxes = box_ops.to_xyxy(ops.cast(boxes, dtype), self.bounding_box_format, size)
        outputs = roi_align(
            [features],
            boxes,
            [self.spatial_scale],
            output_size=self.output_size,
            sampling_ratio=self.sampling_ratio,
            aligned=self.aligned,
        )
        if self.data_format == "channels_first":
            outputs = ops.transpose(outputs, (0, 4, 1, 2, 3))
        return outputs

    def compute_output_shape(self, features_shape, boxes_shape):
        if len(features_shape) != 4 or len(boxes_shape) != 3 or boxes_shape[-1] not in (4, None):
            raise ValueError(
                "`ROIAlign2D` takes features of rank 4 and boxes (batch, n, 4). "
                f"Received: features_shape={tuple(features_shape)}, boxes_shape={tuple(boxes_shape)}"
            )
        channels = features_shape[-1 if self.data_format == "channels_last" else 1]
        batch, count = features_shape[0], boxes_shape[1]
        if self.data_format == "channels_first":
            return (batch, channels, count, *self.output_size)
        return (batch, count, *self.output_size, channels)

    def get_config(self):
        return {
            **super().get_config(),
            "output_size": self.output_size,
            "spatial_scale": self.spatial_scale,
            "sampling_ratio": self.sampling_ratio,
            "aligned": self.aligned,
            "bounding_box_format": self.bounding_box_format,
            "data_format": self.data_format,
        }
