"""Losses of boxes based on their overlap."""

import math

import keras
from keras import ops

from keras_cnn_zoo.losses.base_loss import BaseLoss
from keras_cnn_zoo.ops import boxes as box_ops
from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.dtypes import at_least_float32

KINDS = ("iou", "giou", "diou", "ciou")


def box_iou(y_true, y_pred, kind="giou", bounding_box_format="xyxy"):
    """Returns the overlap loss of each pair of boxes; see `BoxIoU`.

    Args:
        y_true: True boxes, `(..., 4)`.
        y_pred: Predicted boxes, `(..., 4)`.
        kind: `"iou"`, `"giou"`, `"diou"` or `"ciou"`. Defaults to `"giou"`.
        bounding_box_format: Keras' name of the format of both. Defaults to `"xyxy"`.

    Returns:
        The loss of each pair, `(...)`, in at least float32.

    Raises:
        ValueError: for an unknown kind or format, or boxes that do not have four numbers.
    """
    validation.one_of("kind", kind, KINDS)
    validation.one_of("bounding_box_format", bounding_box_format, box_ops.FORMATS)
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    for name, boxes in (("y_true", y_true), ("y_pred", y_pred)):
        if not len(boxes.shape) or boxes.shape[-1] != 4:
            raise ValueError(
                f"`{name}` must have the shape (..., 4). Received: {name}.shape={tuple(boxes.shape)}"
            )
    dtype = at_least_float32(y_pred.dtype)
    true, pred = (box_ops.to_xyxy(ops.cast(boxes, dtype), bounding_box_format) for boxes in (y_true, y_pred))
    one, other = box_ops.split(true), box_ops.split(pred)
    intersection, union = box_ops.intersection_and_union(one, other)
    iou = box_ops.divide(intersection, union)
    if kind == "iou":
        return 1 - iou
    width = box_ops.larger(one[2], other[2]) - box_ops.smaller(one[0], other[0])
    height = box_ops.larger(one[3], other[3]) - box_ops.smaller(one[1], other[1])
    if kind == "giou":
        enclosing = width * height
        return 1 - iou + box_ops.divide(enclosing - union, enclosing)
    x, y, own_width, own_height = box_ops.centers_and_sizes(pred)
    true_x, true_y, true_width, true_height = box_ops.centers_and_sizes(true)
    distance = ops.square(x - true_x) + ops.square(y - true_y)
    loss = 1 - iou + box_ops.divide(distance, ops.square(width) + ops.square(height))
    if kind == "diou":
        return loss
    angle = ops.arctan(box_ops.divide(true_width, true_height)) - ops.arctan(
        box_ops.divide(own_width, own_height)
    )
    shape = ops.square(angle) * (4 / math.pi**2)
    # Only a weight between the terms. The authors' code has no gradient through it either.
    weight = ops.stop_gradient(box_ops.divide(shape, 1 - iou + shape))
    return loss + weight * shape


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class BoxIoU(BaseLoss):
    """One minus the overlap of a predicted and a true box, in four kinds.

    `iou` is `1 - intersection / union`, which is flat for disjoint boxes. `giou` adds the fraction of the
    smallest enclosing box that neither box covers. `diou` adds the squared distance of the centers divided by
    the squared diagonal of the enclosing box instead. `ciou` is `diou` plus `a * v`, with `v = (4 / pi^2)
    (atan(w_true / h_true) - atan(w / h))^2` and `a = v / (1 - iou + v)`. Use it for the boxes of a detector
    instead of a distance of coordinates.

    Areas overflow: in float32, coordinates must be below 1e18, and sides below 1e-18 count as 0.

    Reference: Rezatofighi, Tsoi, Gwak, Sadeghian, Reid, Savarese, "Generalized Intersection over Union",
    2019, arXiv 1902.09630; Zheng, Wang, Liu, Li, Ye, Ren, "Distance-IoU Loss", 2019, arXiv 1911.08287, for
    `diou` and `ciou`.

    Differs from the paper: `a` of `ciou` has no gradient, as in the authors' code. Empty boxes overlap
    nothing.

    Args:
        kind: `"iou"`, `"giou"`, `"diou"` or `"ciou"`. Defaults to `"giou"`.
        bounding_box_format: Keras' name of the format of true and predicted boxes. Relative boxes are
            compared in units of the image's width and height. Defaults to `"xyxy"`.
        reduction: Keras' reduction over the boxes. Defaults to `"sum_over_batch_size"`, the mean.
        name: Name of the loss.
        dtype: Dtype of the computation, or None for Keras' float type.

    Call arguments:
        y_true: True boxes, `(batch, ..., 4)`.
        y_pred: Predicted boxes of the same shape.

    Raises:
        ValueError: for an unknown kind or format, or boxes that do not have four numbers.

    >>> loss = BoxIoU("iou")
    >>> float(loss(np.array([[0.0, 0, 2, 2]]), np.array([[0.0, 0, 1, 2]])))
    0.5
    """

    def __init__(
        self,
        kind="giou",
        *,
        bounding_box_format="xyxy",
        reduction="sum_over_batch_size",
        name="box_iou",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.kind = validation.one_of("kind", kind, KINDS)
        self.bounding_box_format = validation.one_of(
            "bounding_box_format", bounding_box_format, box_ops.FORMATS
        )

    def call(self, y_true, y_pred):
        return ops.cast(box_iou(y_true, y_pred, self.kind, self.bounding_box_format), self.dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "kind": self.kind,
            "bounding_box_format": self.bounding_box_format,
            "dtype": self.dtype,
        }
