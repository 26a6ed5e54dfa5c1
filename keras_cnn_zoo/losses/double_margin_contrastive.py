"""Contrastive loss with a second margin for matching pairs, and margins learned from data."""

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.losses.base_loss import BaseLoss
from keras_cnn_zoo.losses.embeddings import checked_distance, labeled_pairs, saved_choice
from keras_cnn_zoo.utils import validation


def double_margin_contrastive(y_true, y_pred, positive_margin, negative_margin, *, distance="squared"):
    """Returns the double-margin contrastive loss of each pair; see `DoubleMarginContrastive`.

    Args:
        y_true: 1 for a matching pair and 0 for another, `(batch,)` or `(batch, 1)`.
        y_pred: The two embeddings of each pair, `(batch, 2, dim)`.
        positive_margin: Distance up to which matching pairs cost nothing, at least 0.
        negative_margin: Distance from which other pairs cost nothing, above 0.
        distance: `"squared"`, `"euclidean"`, or a function. Defaults to `"squared"`.

    Returns:
        The loss of each pair, `(batch,)`, in at least float32.

    Raises:
        ValueError: for a margin outside its range, or incompatible shapes.
    """
    positive_margin, negative_margin = _margins(positive_margin, negative_margin)
    match, distance = labeled_pairs(y_true, y_pred, checked_distance(distance))
    # The squared distance of a pair that does not match may overflow, and 0 * inf is not 0.
    pull = ops.where(match > 0, match * ops.relu(distance - positive_margin), ops.zeros_like(distance))
    return (pull + (1 - match) * ops.relu(negative_margin - distance)) / 2


def estimate_margins(distances, labels):
    """Estimates the margins of `DoubleMarginContrastive` from sampled pairs.

    The two margins are equal: the distance that best separates matching pairs from others. It
    minimizes the sum of the two error rates, so the number of pairs of each kind does not matter. The margin
    is midway between two neighboring distances; of several equally good gaps, the one with the smallest
    distances counts. Take the distances from the layer that the loss will apply to, before training. Compute
    them as the loss will, by default squared.

    Reference: Lin, Morere, Petta, Chandrasekhar, Veillard, 2015, arXiv 1501.04711, use equal margins and
    learn them from the distances of sampled pairs.

    Args:
        distances: Distances of pairs, `(pairs,)` or `(pairs, 1)`.
        labels: 1 for the matching pairs and 0 for the others, `(pairs,)` or `(pairs, 1)`.

    Returns:
        `(positive_margin, negative_margin)`, two equal numbers.

    Raises:
        ValueError: for distances that are negative, not finite, or all 0, labels other than 0 and 1, or pairs
            of one kind only.

    >>> estimate_margins([0.5, 1.0, 3.0, 4.0], [1, 1, 0, 0])
    (2.0, 2.0)
    """
    distances = np.asarray(ops.convert_to_numpy(distances), "float64").ravel()
    labels = np.asarray(ops.convert_to_numpy(labels), "float64").ravel()
    if distances.size != labels.size:
        raise ValueError(
            "`distances` and `labels` must have the same length. "
            f"Received: {distances.size} distances and {labels.size} labels"
        )
    kinds = np.unique(labels)
    if kinds.tolist() != [0, 1]:
        raise ValueError(
            "`labels` must contain both 1, for matching pairs, and 0, for others, and nothing else. "
            f"Received: labels with the values {kinds[:5].tolist()}"
        )
    if not np.isfinite(distances).all() or distances.min() < 0 or distances.max() == 0:
        raise ValueError(
            "`distances` must be finite, at least 0, and not all 0. "
            f"Received: distances from {distances.min()} to {distances.max()}"
        )
    values = np.unique(distances)
    # Thresholds between neighboring values, and at the largest.
    thresholds = np.append((values[:-1] + values[1:]) / 2, values[-1])
    positives, negatives = np.sort(distances[labels == 1]), np.sort(distances[labels == 0])
    missed = 1 - np.searchsorted(positives, thresholds, side="right") / positives.size
    mistaken = np.searchsorted(negatives, thresholds, side="right") / negatives.size
    margin = float(thresholds[np.argmin(missed + mistaken)])
    return margin, margin


def _margins(positive_margin, negative_margin):
    return (
        validation.finite_number("positive_margin", positive_margin, minimum=0),
        validation.finite_number("negative_margin", negative_margin, above=0),
    )


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class DoubleMarginContrastive(BaseLoss):
    """Contrastive loss that is 0 for matching pairs that are near enough.

    It is `(y * max(d - positive_margin, 0) + (1 - y) * max(negative_margin - d, 0)) / 2`, with `d` the
    `distance` of the pair, by default the squared Euclidean one. Use it to fine-tune features that already
    retrieve well; pulling matching pairs ever closer would make them worse. Use it on all layers at once:
    give the model an output per layer, and each output a loss with the margins from `estimate_margins`. The
    total is equation (21). With `positive_margin=0` it is `Contrastive`.

    Squares overflow: in float32, magnitudes above 1e18 are out of range, and those below 1e-18 count as
    0.

    Reference: Lin, Morere, Petta, Chandrasekhar, Veillard, 2015, "DeepHash: Getting Regularization, Depth and
    Fine-Tuning Right", arXiv 1501.04711; equation (21) of the survey.

    Args:
        positive_margin: Distance up to which matching pairs cost nothing, at least 0.
        negative_margin: Distance from which other pairs cost nothing, above 0.
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
        ValueError: for a margin outside its range, or incompatible shapes.

    >>> loss = DoubleMarginContrastive(0.5, 2.0)
    >>> pair = np.array([[[0.0, 0.0], [0.6, 0.8]]])
    >>> float(loss(np.array([1]), pair)), float(loss(np.array([0]), pair))
    (0.25, 0.5)
    """

    def __init__(
        self,
        positive_margin,
        negative_margin,
        *,
        distance="squared",
        reduction="sum_over_batch_size",
        name="double_margin_contrastive",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.positive_margin, self.negative_margin = _margins(positive_margin, negative_margin)
        self.distance = checked_distance(distance)

    def call(self, y_true, y_pred):
        losses = double_margin_contrastive(
            y_true, y_pred, self.positive_margin, self.negative_margin, distance=self.distance
        )
        return ops.cast(losses, self.dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "positive_margin": self.positive_margin,
            "negative_margin": self.negative_margin,
            "distance": saved_choice(self.distance),
            "dtype": self.dtype,
        }
