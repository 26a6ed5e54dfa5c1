"""Softmax loss with an additive margin on the cosine."""

import keras
from keras import ops

from keras_cnn_zoo.losses.base_loss import BaseClassLoss
from keras_cnn_zoo.losses.margin_cross_entropy import margin_cross_entropy
from keras_cnn_zoo.utils import validation


def cosface(y_true, y_pred, margin=0.35, *, scale=64.0):
    """Returns the cross-entropy with an additive margin on the cosine per example; see `CosFace`.

    Args:
        y_true: Class ids, `(batch,)` or `(batch, 1)`; further axes as in `y_pred`. Entries of -1 cost 0.
        y_pred: Cosines, `(batch, ..., classes)`.
        margin: Margin that is subtracted from the true class's cosine, at least 0. Defaults to 0.35.
        scale: Positive factor of the cosines. Defaults to 64.

    Returns:
        The loss of each example, `(batch, ...)`, in at least float32.

    Raises:
        ValueError: for an argument outside its range, incompatible shapes, fewer than two classes, or labels
            outside of the classes.
    """
    margin = validation.finite_number("margin", margin, minimum=0)
    scale = validation.finite_number("scale", scale, above=0)
    return margin_cross_entropy(y_true, y_pred, scale, lambda cosine: cosine - margin)


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class CosFace(BaseClassLoss):
    """Softmax loss with an additive margin between the cosine of the true class and the others.

    It is the cross-entropy of `scale * cosine_j`, where the true class's cosine counts as `cosine - margin`.
    Use it with the cosines of `layers.CosineDense(units)` and its default scale of 1. It trains more stably
    than `ArcFace`. Try it if a network hardly learns with `ArcFace`.

    The loss applies the scale, so predictions must be cosines in [-1, 1]. Rounding errors beyond that are
    harmless. If the head scales its outputs too, the initial loss is many times too high.

    Reference: Wang, Wang, Zhou, Ji, Gong, Zhou, Li, Liu, 2018, "CosFace: Large Margin Cosine Loss for Deep
    Face Recognition", arXiv 1801.09414.

    Args:
        margin: Margin that is subtracted from the true class's cosine, at least 0. Defaults to 0.35.
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

    >>> loss = CosFace(margin=0.5, scale=2.0)
    >>> round(float(loss(np.array([0]), np.array([[0.75, 0.25]]))), 4)  # 0.25 on both sides
    0.6931
    """

    def __init__(
        self, margin=0.35, *, scale=64.0, reduction="sum_over_batch_size", name="cosface", dtype=None
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.margin = validation.finite_number("margin", margin, minimum=0)
        self.scale = validation.finite_number("scale", scale, above=0)

    def call(self, y_true, y_pred):
        return ops.cast(cosface(y_true, y_pred, self.margin, scale=self.scale), self.dtype)

    def get_config(self):
        return {**super().get_config(), "margin": self.margin, "scale": self.scale, "dtype": self.dtype}
