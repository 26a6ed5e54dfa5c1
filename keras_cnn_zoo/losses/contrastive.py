"""Contrastive loss of pairs of embeddings."""

import keras
from keras import ops

from keras_cnn_zoo.losses.embeddings import labeled_pairs
from keras_cnn_zoo.utils import validation


def contrastive(y_true, y_pred, margin=1.0, squared_hinge=False):
    """Returns the contrastive loss of each pair; see `Contrastive`.

    Args:
        y_true: 1 for a matching pair and 0 for another, `(batch,)` or `(batch, 1)`.
        y_pred: The two embeddings of each pair, `(batch, 2, dim)`.
        margin: Positive margin. Defaults to 1.
        squared_hinge: Whether to apply the margin to the distance and square the hinge. Defaults to False.

    Returns:
        The loss of each pair, `(batch,)`, in at least float32.

    Raises:
        ValueError: for a `margin` that is not positive, or incompatible shapes.
    """
    margin = validation.finite_number("margin", margin, above=0)
    validation.boolean("squared_hinge", squared_hinge)
    match, distance = labeled_pairs(y_true, y_pred)
    if squared_hinge:
        # The root has no gradient at 0, where the direction that would separate the pair is undefined.
        apart = distance > 0
        root = ops.where(apart, ops.sqrt(ops.where(apart, distance, ops.ones_like(distance))), 0 * distance)
        hinge = ops.square(ops.relu(margin - root))
    else:
        hinge = ops.relu(margin - distance)
    # The squared distance of a pair that does not match may overflow, and 0 * inf is not 0.
    pull = ops.where(match > 0, match * distance, ops.zeros_like(distance))
    return (pull + (1 - match) * hinge) / 2


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class Contrastive(keras.losses.Loss):
    """Loss that pulls the embeddings of matching pairs together and pushes others apart up to a margin.

    It is `(y * d + (1 - y) * max(margin - d, 0)) / 2`, with `d` the squared Euclidean distance of the pair.
    With `squared_hinge=True` the second term is `max(margin - sqrt(d), 0) ** 2`, so the margin applies to the
    distance. Use it for siamese networks that are trained on pairs, as in verification.

    Squares overflow: in float32, magnitudes above 1e18 are out of range, and those below 1e-18 count as
    0.

    Reference: Hadsell, Chopra, LeCun, 2006, "Dimensionality Reduction by Learning an Invariant Mapping"
    (CVPR); equation (20) of the survey.

    Differs from the paper: Hadsell et al. use `squared_hinge=True` and label matching pairs 0. The default is
    the survey's. Its gradient is proportional to the distance, so it vanishes for a pair at one point.

    Args:
        margin: Positive margin of the squared distance, or of the distance with `squared_hinge`. Defaults to
            1.
        squared_hinge: Whether to apply the margin to the distance and square the hinge. Defaults to False.
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
        reduction="sum_over_batch_size",
        name="contrastive",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.margin = validation.finite_number("margin", margin, above=0)
        self.squared_hinge = validation.boolean("squared_hinge", squared_hinge)

    def call(self, y_true, y_pred):
        return ops.cast(contrastive(y_true, y_pred, self.margin, self.squared_hinge), self.dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "margin": self.margin,
            "squared_hinge": self.squared_hinge,
            "dtype": self.dtype,
        }
