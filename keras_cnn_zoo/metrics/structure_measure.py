"""Structural similarity of a saliency map and a mask."""

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.metrics.map_mean import BaseMapMean
from keras_cnn_zoo.utils import validation

# The published script adds this to denominators: the spacing of doubles at 1.
EPSILON = float(np.finfo("float64").eps)


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class StructureMeasure(BaseMapMean):
    """Structural similarity of a saliency map and the true mask (S-measure).

    It is the mean over maps of `max(alpha * object + (1 - alpha) * region, 0)`. The object term measures
    whether the foreground, and the inverted background, are bright and uniform: `2 m / (m ** 2 + 1 + s)` of
    mean and standard deviation, weighted by area. The region term divides both maps into four quarters at
    the centroid of the object and adds their structural similarities, weighted by area. If the truth has no
    object, the score is one minus the mean of the map. If it is all object, the score is the mean of the map.
    Unlike `SaliencyFBeta`, it needs no threshold. It works in `fit` on every backend.

    Reference: Fan, Cheng, Liu, Li, Borji, 2017, "Structure-measure: A New Way to Evaluate Foreground Maps"
    (ICCV), arXiv 1708.00786; statistics and special cases are those of the published script.

    Differs from the script: if the object is at the border, a quarter without pixels has weight 0. The script
    gives NaN.

    Args:
        alpha: Weight of the object term in [0, 1]. Defaults to 0.5.
        name: Name of the metric.
        dtype: Dtype of the result.
        normalize: Whether to rescale each predicted map to [0, 1] first, as in the published demo and the
            evaluation toolboxes. Defaults to True.

    Call arguments:
        y_true: True maps, `(batch, height, width)` or `(batch, height, width, 1)`; values above 0.5 are the
            object.
        y_pred: Predicted maps with values in [0, 1], of either shape.
        sample_weight: A weight per map, or None.

    Output shape:
        A scalar in [0, 1].

    Raises:
        ValueError: for an `alpha` outside [0, 1], or maps of other shapes.

    >>> truth = np.zeros((1, 8, 8))
    >>> truth[:, 2:5, 3:7] = 1
    >>> metric = StructureMeasure()
    >>> metric.update_state(truth, truth)
    >>> round(float(metric.result()), 3)
    1.0
    """

    def __init__(self, alpha=0.5, name="structure_measure", dtype=None, *, normalize=True):
        super().__init__(name, dtype, normalize=normalize)
        self.alpha = validation.finite_number("alpha", alpha, minimum=0, maximum=1)

    def score(self, truth, prediction):
        rows, columns = (ops.sum(ops.cast(truth, "int32"), axis=axis) for axis in (2, 1))
        positives = ops.sum(rows, axis=1)
        pixels = ops.shape(rows)[1] * ops.shape(columns)[1]
        area = ops.cast(pixels, prediction.dtype)
        share = ops.cast(positives, prediction.dtype) / area
        value = self.alpha * _object(truth, prediction, share) + (1 - self.alpha) * _region(
            truth, prediction, _cut(rows, positives)[:, :, None], _cut(columns, positives)[:, None, :], area
        )
        mean = ops.mean(prediction, axis=(1, 2))
        value = ops.where(positives == 0, 1 - mean, ops.where(positives == pixels, mean, ops.relu(value)))
        return value[:, None]

    def result(self):
        return self.curve()[0]

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha}


def _object(truth, prediction, share):
    """Returns the object term: uniformity of the foreground and inverted background, weighted by area."""
    inside = _uniformity(prediction, ops.cast(truth, prediction.dtype))
    outside = _uniformity(1 - prediction, ops.cast(ops.logical_not(truth), prediction.dtype))
    return share * inside + (1 - share) * outside


def _uniformity(values, mask):
    count = ops.sum(mask, axis=(1, 2))
    mean = ops.sum(values * mask, axis=(1, 2)) / ops.maximum(count, 1)
    squares = ops.sum(mask * ops.square(values - mean[:, None, None]), axis=(1, 2))
    deviation = ops.sqrt(squares / ops.maximum(count - 1, 1))
    return 2 * mean / (ops.square(mean) + 1 + deviation + EPSILON)


def _cut(counts, total):
    """Returns which positions of an axis are up to the object's mean, rounded half up; (batch, length)."""
    length = ops.shape(counts)[1]
    place = ops.arange(length, dtype="int32")
    # Computed in integers, relative to the middle of the axis. The mean of an object of even size is often
    # exactly between two pixels, and sums of positions in large maps have more digits than float32.
    moment = ops.sum((2 * place - (length - 1)) * counts, axis=1)
    total = ops.maximum(total, 1)
    middle = length // 2 + 1 + (moment + (length % 2) * total) // (2 * total)
    return place < middle[:, None]


def _region(truth, prediction, upper, left, area):
    """Returns the region term: similarity of the four quarters, weighted by area."""

    def sums(maps):
        """Returns the sums over the quarters, (batch, 2, 2)."""
        none = ops.zeros_like(maps)
        halves = [
            ops.sum(part, axis=1) for part in (ops.where(upper, maps, none), ops.where(upper, none, maps))
        ]
        halves = ops.stack(halves, axis=1)
        none = ops.zeros_like(halves)
        quarters = (ops.where(left, halves, none), ops.where(left, none, halves))
        return ops.stack([ops.sum(part, axis=2) for part in quarters], axis=2)

    def spread(values):
        """Returns each pixel's value of its quarter."""
        at_row = ops.where(upper, values[:, :1], values[:, 1:])
        return ops.where(left, at_row[..., :1], at_row[..., 1:])

    # Relative to the value at the quarter's corner of the map, so a constant quarter has a variance of 0.
    ends = ops.concatenate([prediction[:, :1], prediction[:, -1:]], axis=1)
    corner = ops.concatenate([ends[..., :1], ends[..., -1:]], axis=2)
    truth = ops.cast(truth, prediction.dtype)
    count = sums(ops.ones_like(prediction))
    some, freedom = ops.maximum(count, 1), ops.maximum(count - 1, 1)
    apart = prediction - spread(corner)
    offset = sums(apart) / some
    apart = apart - spread(offset)
    hits = sums(truth)
    mean, true_mean = corner + offset, hits / some
    variance = sums(ops.square(apart)) / freedom
    true_variance = hits * (count - hits) / (some * freedom)
    covariance = ops.where(true_variance > 0, sums(apart * truth) / freedom, ops.zeros_like(count))
    above = 4 * mean * true_mean * covariance
    below = (ops.square(mean) + ops.square(true_mean)) * (variance + true_variance)
    alike = ops.where(above != 0, above / (below + EPSILON), ops.cast(below == 0, above.dtype))
    return ops.sum(alike * count, axis=(1, 2)) / area
