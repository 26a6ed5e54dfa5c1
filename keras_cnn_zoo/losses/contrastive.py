"""Contrastive loss of pairs of embeddings."""

import keras
from keras import ops

from keras_cnn_zoo.losses.base_loss import BaseLoss
from keras_cnn_zoo.losses.embeddings import checked_distance, labeled_pairs, saved_choice
from keras_cnn_zoo.ops.distances import euclidean
from keras_cnn_zoo.utils import validation


def contrastive(y_true, y_pred, margin=1.0, squared_hinge=False, *, distance="squared"):
    """Returns the contrastive loss of each pair; see `Contrastive`.

    Args:
        y_true: 1 for a matching pair and 0 for another, `(batch,)` or `(batch, 1)`.
        y_pred: The two embeddings of each pair, `(batch, 2, dim)`.
        margin: Positive margin. Defaults to 1.
        squared_hinge: Whether to apply the margin to the distance and square the hinge. Defaults to False.
        distance: `"squared"`, `"euclidean"`, or a function. Defaults to `"squared"`.

    Returns:
        The loss of each pair, `(batch,)`, in at least float32.

    Raises:
        ValueError: for a `margin` that is not positive, or incompatible shapes.
    """
    margin = validation.finite_number("margin", margin, above=0)
    validation.boolean("squared_hinge", squared_hinge)
    chosen = checked_distance(distance)
    if squared_hinge and not callable(chosen):
        # The square of a root would have no exact gradient, so the pull uses the squared distance itself.
        match, cost = labeled_pairs(y_true, y_pred)
        hinge = ops.square(ops.relu(margin - euclidean(cost)))
    else:
        match, cost = labeled_pairs(y_true, y_pred, chosen)
        hinge = ops.relu(margin - cost)
        if squared_hinge:
            cost, hinge = ops.square(cost), ops.square(hinge)
    # The squared distance of a pair that does not match may overflow, and 0 * inf is not 0.
    pull = ops.where(match > 0, match * cost, ops.zeros_like(cost))
    return (pull + (1 - match) * hinge) / 2


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class Contrastive(BaseLoss):
    """Loss that pulls the embeddings of matching pairs together and pushes others apart up to a margin.

    It is `(y * d + (1 - y) * max(margin - d, 0)) / 2`, with `d` the `distance` of the pair, by default the
    squared Euclidean one. With `squared_hinge=True` it is `(y * e**2 + (1 - y) * max(margin - e, 0)**2) / 2`,
    with `e` the Euclidean distance for both names, or the distance by your function. Use it for siamese
    networks that are trained on pairs, as in verification.

    Squares overflow: in float32, magnitudes above 1e18 are out of range, and those below 1e-18 count as
    0.

    Reference: Hadsell, Chopra, LeCun, 2006, "Dimensionality Reduction by Learning an Invariant Mapping"
    (CVPR); equation (20) of the survey.

    Differs from the paper: Hadsell et al. use `squared_hinge=True` and label matching pairs 0. The default is
    the survey's. Its gradient is proportional to the distance, so it vanishes for a pair at one point.

    Args:
        margin: Positive margin of the distance; of the Euclidean distance with `squared_hinge`. Defaults to
            1.
        squared_hinge: Whether to apply the margin to the distance and square the hinge. Defaults to False.
        distance: `"squared"`, `"euclidean"`, whose gradient is 0 for coinciding embeddings, or a function
            from two tensors `(batch, dim)` to distances `(batch,)`, registered with Keras to be saved.
            Defaults to `"squared"`.
        reduction: Keras' reduction over the batch. Defaults to `"sum_over_batch_size"`, the mean.
        name: Name of the loss.
        dtype: Dtype of the computation, or None for Keras' float type.

    Call arguments:
        y_true: 1 for a matching pair and 0 for another, `(batch,)` or `(batch, 1)`.
        y_pred: The two embeddings of each pair, `(batch, 2, dim)`.

    Raises:
        ValueError: for a `margin` that is not positive, or incompatible shapes.

    >>> loss = Contrastive(margin=2.0)
    >>> float(loss(np.array([0]), np.array([[[0.0, 0.0], [0.6, 0.8]]])))
    0.5
    """

    def __init__(
        self,
        margin=1.0,
        *,
        squared_hinge=False,
        distance="squared",
        reduction="sum_over_batch_size",
        name="contrastive",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.margin = validation.finite_number("margin", margin, above=0)
        self.squared_hinge = validation.boolean("squared_hinge", squared_hinge)
        self.distance = checked_distance(distance)

    def call(self, y_true, y_pred):
        losses = contrastive(y_true, y_pred, self.margin, self.squared_hinge, distance=self.distance)
        return ops.cast(losses, self.dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "margin": self.margin,
            "squared_hinge": self.squared_hinge,
            "distance": saved_choice(self.distance),
            "dtype": self.dtype,
        }
