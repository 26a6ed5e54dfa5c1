"""Area under the success curve of a tracker."""

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.metrics.sequence_mean import BaseSequenceMean
from keras_cnn_zoo.utils import validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class SuccessAUC(BaseSequenceMean):
    """Mean success rate of a tracker over overlap thresholds.

    The success rate at a threshold is the fraction of frames with a larger overlap (intersection over union).
    The thresholds are 0, 0.05, ..., 1. The result is the mean rate over thresholds, computed per sequence and
    averaged over sequences, as in the OTB toolkit. `curve()` gives the rate at each threshold. A call of
    `update_state` with `(frames, 4)` is one sequence. Several sequences of equal length, or padded with NaN,
    can be given together.

    Reference: Wu, Lim, Yang, 2013, "Online Object Tracking: A Benchmark"; and its toolkit.

    Differs from the toolkit: frames without a target (NaN, or no area) are left out. The toolkit counts them
    as failures.

    Args:
        thresholds: Number of thresholds, evenly spaced over [0, 1] with both ends. Defaults to 21.
        name: Name of the metric.
        dtype: Dtype of the result.

    Call arguments:
        y_true: Boxes as left, top, width, height, `(frames, 4)` or `(sequences, frames, 4)`.
        y_pred: The tracker's boxes in the same form.
        sample_weight: Weight of each frame within its sequence, or None.

    Output shape:
        A scalar in [0, 1].

    Raises:
        ValueError: for fewer than two thresholds, or boxes of other shapes.

    >>> metric = SuccessAUC()
    >>> metric.update_state([[0.0, 0, 10, 10], [5, 0, 10, 10]], [[0.0, 0, 10, 10], [0, 0, 10, 10]])
    >>> print(round(float(metric.result()), 4))
    0.6429
    """

    def __init__(self, thresholds=21, name="success_auc", dtype=None):
        self.values = validation.positive_integer("thresholds", thresholds)
        if self.values < 2:
            validation.fail("thresholds", "at least 2", thresholds)
        super().__init__(name, dtype)
        self.thresholds = self.values

    def score(self, y_true, y_pred):
        overlap = _overlap(y_true, y_pred)
        # Rounding must not lift a perfect overlap above 1.
        overlap = ops.where(overlap > 1, ops.ones_like(overlap), overlap)
        return overlap[..., None] > ops.cast(np.linspace(0, 1, self.values), overlap.dtype)

    def get_config(self):
        return {**super().get_config(), "thresholds": self.thresholds}


def _overlap(first, second):
    """Returns the intersection over union of left-top-width-height boxes (..., 4); 0 without area."""
    sizes = []
    for axis in (0, 1):
        low = ops.maximum(first[..., axis], second[..., axis])
        high = ops.minimum(first[..., axis] + first[..., axis + 2], second[..., axis] + second[..., axis + 2])
        sizes.append(ops.relu(high - low))
    intersection = sizes[0] * sizes[1]
    union = first[..., 2] * first[..., 3] + second[..., 2] * second[..., 3] - intersection
    return intersection / ops.where(union > 0, union, ops.ones_like(union))
