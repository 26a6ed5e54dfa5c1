"""Multi-class hinge losses."""

import keras
from keras import ops

from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.dtypes import at_least_float32

FORMULATIONS = ("one_vs_rest", "weston_watkins", "crammer_singer")


def multiclass_hinge(y_true, y_pred, p=1, formulation="one_vs_rest"):
    """Returns the hinge loss of class scores per example; see `MulticlassHinge`.

    Args:
        y_true: Class ids, `(batch,)` or `(batch, 1)`; further axes as in `y_pred`.
        y_pred: Scores, `(batch, ..., classes)`.
        p: Power of each hinge, at least 1; 2 is the L2-SVM. Defaults to 1.
        formulation: `"one_vs_rest"`, `"weston_watkins"` or `"crammer_singer"`. Defaults to `"one_vs_rest"`.

    Returns:
        The loss of each example, `(batch, ...)`, in at least float32.

    Raises:
        ValueError: for a `p` below 1, an unknown `formulation`, or incompatible shapes.
    """
    p = validation.finite_number("p", p, minimum=1)
    validation.one_of("formulation", formulation, FORMULATIONS)
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_true.shape) == len(y_pred.shape) and y_true.shape[-1] == 1:
        y_true = ops.squeeze(y_true, axis=-1)
    if len(y_pred.shape) < 2 or len(y_true.shape) != len(y_pred.shape) - 1:
        raise ValueError(
            "`y_true` must contain one class id, not a one-hot vector, for each vector of scores. "
            f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
        )
    scores = ops.cast(y_pred, at_least_float32(y_pred.dtype))
    own = ops.equal(ops.cast(y_true, "int32")[..., None], ops.arange(y_pred.shape[-1], dtype="int32"))
    if formulation == "one_vs_rest":
        return ops.sum(_power(ops.relu(1 - ops.where(own, scores, -scores)), p), axis=-1)
    own_score = ops.sum(ops.where(own, scores, ops.zeros_like(scores)), axis=-1, keepdims=True)
    hinge = ops.relu(1 + scores - own_score)
    hinge = ops.where(own, ops.zeros_like(hinge), hinge)
    if formulation == "crammer_singer":
        return _power(ops.max(hinge, axis=-1), p)
    return ops.sum(_power(hinge, p), axis=-1)


def _power(hinge, p):
    if p == 1:
        return hinge
    # Not `keras.ops.power`, which rounds the exponent to float32 on PyTorch.
    return ops.square(hinge) if p == 2 else hinge**p


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class MulticlassHinge(keras.losses.Loss):
    """Margin loss of a multi-class support vector machine, for the scores of a linear last layer.

    With scores `z`, class `y`, and power `p`, the formulations are

    - `"one_vs_rest"`: `sum_j max(0, 1 - delta_j * z_j) ** p`, with `delta_y = 1` and -1 for the other
      classes;
    - `"weston_watkins"`: `sum_{j != y} max(0, 1 + z_j - z_y) ** p`;
    - `"crammer_singer"`: `max_{j != y} max(0, 1 + z_j - z_y) ** p`.

    Unlike cross-entropy, it is 0 for examples beyond the margin. With `p=2`, it is the loss of the L2-SVM,
    which Tang found better than softmax on MNIST and CIFAR-10. Add weight decay to the last layer.

    Reference: Tang, 2013, "Deep Learning using Linear Support Vector Machines", arXiv 1306.0239; Weston,
    Watkins, 1999; Crammer, Singer, 2001; equation (16) of the survey.

    Differs from the paper: the survey's text has `delta = 0` for the other classes. That is an error, because
    their terms would be constant. PyTorch's `MultiMarginLoss` is `"weston_watkins"` divided by the number of
    classes.

    Args:
        p: Power of each hinge, at least 1. Defaults to 1.
        formulation: `"one_vs_rest"`, `"weston_watkins"` or `"crammer_singer"`. Defaults to `"one_vs_rest"`.
        reduction: Keras' reduction over the batch. Defaults to `"sum_over_batch_size"`, the mean.
        name: Name of the loss.
        dtype: Dtype of the computation, or None for Keras' float type. Half precision also rounds class ids.

    Call arguments:
        y_true: Class ids, `(batch,)` or `(batch, 1)`; further axes as in `y_pred`.
        y_pred: Scores, `(batch, ..., classes)`.

    Raises:
        ValueError: for a `p` below 1, an unknown `formulation`, or incompatible shapes.

    >>> loss = MulticlassHinge()
    >>> float(loss(np.array([1]), np.array([[-2.0, 0.5, 0.0]])))
    1.5
    """

    def __init__(
        self,
        p=1,
        *,
        formulation="one_vs_rest",
        reduction="sum_over_batch_size",
        name="multiclass_hinge",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.p = validation.finite_number("p", p, minimum=1)
        self.formulation = validation.one_of("formulation", formulation, FORMULATIONS)

    def call(self, y_true, y_pred):
        return ops.cast(multiclass_hinge(y_true, y_pred, self.p, self.formulation), self.dtype)

    def get_config(self):
        return {**super().get_config(), "p": self.p, "formulation": self.formulation, "dtype": self.dtype}
