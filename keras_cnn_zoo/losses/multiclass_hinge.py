"""Multi-class hinge losses."""

import keras
from keras import ops

from keras_cnn_zoo.losses.base_loss import BaseClassLoss
from keras_cnn_zoo.losses.class_scores import class_scores
from keras_cnn_zoo.ops.extremes import keep_nan
from keras_cnn_zoo.utils import validation

FORMULATIONS = ("one_vs_rest", "weston_watkins", "crammer_singer")


def multiclass_hinge(y_true, y_pred, p=1, formulation="one_vs_rest"):
    """Returns the hinge loss of class scores per example; see `MulticlassHinge`.

    Args:
        y_true: Class ids, `(batch,)` or `(batch, 1)`; further axes as in `y_pred`. Entries of -1 cost 0.
        y_pred: Scores, `(batch, ..., classes)`.
        p: Power of each hinge, at least 1; 2 is the L2-SVM. Defaults to 1.
        formulation: `"one_vs_rest"`, `"weston_watkins"` or `"crammer_singer"`. Defaults to `"one_vs_rest"`.

    Returns:
        The loss of each example, `(batch, ...)`, in at least float32.

    Raises:
        ValueError: for a `p` below 1, an unknown `formulation`, incompatible shapes, fewer than two
            classes, or labels outside of the classes.
    """
    p = validation.finite_number("p", p, minimum=1)
    validation.one_of("formulation", formulation, FORMULATIONS)
    labels, scores = class_scores(y_true, y_pred)
    own = ops.equal(labels.ids[..., None], ops.arange(scores.shape[-1], dtype="int32"))
    return labels.mark(_hinges(scores, own, p, formulation))


def _hinges(scores, own, p, formulation):
    """Returns the loss of each vector of scores; `own` marks the score of its class."""
    if formulation == "one_vs_rest":
        return ops.sum(_power(ops.relu(1 - ops.where(own, scores, -scores)), p), axis=-1)
    own_score = ops.sum(ops.where(own, scores, ops.zeros_like(scores)), axis=-1, keepdims=True)
    hinge = ops.relu(1 + scores - own_score)
    hinge = ops.where(own, ops.zeros_like(hinge), hinge)
    if formulation == "crammer_singer":
        return _power(keep_nan(ops.max(hinge, axis=-1), hinge), p)
    return ops.sum(_power(hinge, p), axis=-1)


def _power(hinge, p):
    if p == 1:
        return hinge
    # Not `keras.ops.power`, which rounds the exponent to float32 on PyTorch.
    return ops.square(hinge) if p == 2 else hinge**p


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class MulticlassHinge(BaseClassLoss):
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
        dtype: Dtype of the computation, or None for Keras' float type. Class ids stay integers.

    Call arguments:
        y_true: Class ids from 0 to `classes - 1`, `(batch,)` or `(batch, 1)`; further axes as in `y_pred`.
            -1 leaves an entry out: the mean is over the others. Other labels are refused, or give NaN in
            compiled code.
        y_pred: Scores, `(batch, ..., classes)`.

    Raises:
        ValueError: for a `p` below 1, an unknown `formulation`, incompatible shapes, fewer than two
            classes, or labels outside of the classes.

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
