"""Softmax loss with an additive angular margin."""

import math

import keras
from keras import ops

from keras_cnn_zoo.losses.base_loss import BaseClassLoss
from keras_cnn_zoo.losses.margin_cross_entropy import margin_cross_entropy
from keras_cnn_zoo.utils import validation

# Sine of the angle, in radians, from which down the slope of the sine is constant.
_SMALLEST = 1e-3


def arcface(y_true, y_pred, margin=0.5, *, scale=64.0):
    """Returns the cross-entropy with an additive angular margin per example; see `ArcFace`.

    Args:
        y_true: Class ids, `(batch,)` or `(batch, 1)`; further axes as in `y_pred`. Entries of -1 cost 0.
        y_pred: Cosines, `(batch, ..., classes)`.
        margin: Angle in radians, at least 0 and below pi. Defaults to 0.5.
        scale: Positive factor of the cosines. Defaults to 64.

    Returns:
        The loss of each example, `(batch, ...)`, in at least float32.

    Raises:
        ValueError: for an argument outside its range, incompatible shapes, fewer than two classes, or labels
            outside of the classes.
    """
    margin = validation.finite_number("margin", margin, minimum=0, below=math.pi)
    scale = validation.finite_number("scale", scale, above=0)

    def margined(cosine):
        turned = cosine * math.cos(margin) - _sine(cosine) * math.sin(margin)
        return ops.where(cosine > -math.cos(margin), turned, cosine - margin * math.sin(margin))

    return margin_cross_entropy(y_true, y_pred, scale, margined if margin else lambda cosine: cosine)


def _sine(cosine):
    """Returns the sine of the angle; its slope by the cosine, `-cosine / sine`, is bounded near 0."""
    square = (1 - cosine) * (1 + cosine)
    wide = square > _SMALLEST**2
    root = ops.sqrt(ops.where(wide, square, ops.ones_like(square)))
    # The value is the root. The difference is 0 and has the slope `-cosine / _SMALLEST`. A cosine beyond 1 or
    # -1 by more than rounding has none.
    fixed = ops.stop_gradient(square)
    difference = ops.where(square > -(_SMALLEST**2), square - fixed, ops.zeros_like(square))
    return ops.where(wide, root, ops.sqrt(ops.relu(fixed)) + difference / (2 * _SMALLEST))


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class ArcFace(BaseClassLoss):
    """Softmax loss with an additive angular margin between the true class and the others.

    It is the cross-entropy of `scale * cos(angle_j)`, where the true class's angle `a` counts as `a +
    margin`. Angles above `pi - margin`, where the cosine would rise again, get `cos(a) - margin *
    sin(margin)`, as in the authors' code. Use it for embeddings that are compared by their angle, such as
    faces, with the cosines of `layers.CosineDense(units)` and its default scale of 1. See also `CosFace`.

    The loss applies the scale, so predictions must be cosines in [-1, 1]. Rounding errors beyond that are
    harmless. If the head scales its outputs too, the initial loss is many times too high.

    Reference: Deng, Guo, Xue, Zafeiriou, 2019, "ArcFace: Additive Angular Margin Loss for Deep Face
    Recognition", arXiv 1801.07698.

    Differs from the paper: the gradient by the cosine has no bound near an angle of 0. Here, the loss is that
    of the paper at every angle, but below 0.001 radians (0.06 degrees) its gradient is that at 0.001 radians.

    Args:
        margin: Angle in radians, at least 0 and below pi. Defaults to 0.5.
        scale: Positive factor of the cosines, the paper's s; smaller ones suit few classes. Defaults to 64.
        reduction: Keras' reduction over the batch. Defaults to `"sum_over_batch_size"`, the mean.
        name: Name of the loss.
        dtype: Dtype of the computation, or None for Keras' float type. Class ids stay integers.

    Call arguments:
        y_true: Class ids from 0 to `classes - 1`, `(batch,)` or `(batch, 1)`; further axes as in `y_pred`.
            -1 leaves an entry out: the mean is over the others. Other labels are refused, or give NaN in
            compiled code.
        y_pred: Cosines, `(batch, ..., classes)`.

    Raises:
        ValueError: for an argument outside its range, incompatible shapes, fewer than two classes, or labels
            outside of the classes.

    >>> loss = ArcFace(margin=np.pi / 3, scale=1.0)
    >>> round(float(loss(np.array([0]), np.array([[0.5, -0.5]]))), 4)  # cos(120 degrees) on both sides
    0.6931
    """

    def __init__(
        self, margin=0.5, *, scale=64.0, reduction="sum_over_batch_size", name="arcface", dtype=None
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.margin = validation.finite_number("margin", margin, minimum=0, below=math.pi)
        self.scale = validation.finite_number("scale", scale, above=0)

    def call(self, y_true, y_pred):
        return ops.cast(arcface(y_true, y_pred, self.margin, scale=self.scale), self.dtype)

    def get_config(self):
        return {**super().get_config(), "margin": self.margin, "scale": self.scale, "dtype": self.dtype}
