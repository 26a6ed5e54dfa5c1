"""Fraction of frames in which a tracker is near the center of its object."""

import keras
from keras import ops

from keras_cnn_zoo.metrics.sequence_mean import BaseSequenceMean
from keras_cnn_zoo.utils import validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class TrackingPrecision(BaseSequenceMean):
    """Fraction of frames whose box center is at most `threshold` pixels from the true center.

    It is computed per sequence and averaged over sequences, as in the OTB toolkit, whose standard threshold
    is 20 pixels. A call of `update_state` with boxes `(frames, 4)` adds one sequence. Several sequences can
    be added together if their lengths are equal, or if they are padded with NaN.

    Reference: Wu, Lim, Yang, 2013, "Online Object Tracking: A Benchmark"; and its toolkit.

    Differs from the toolkit: frames without a target (NaN, or no area) are left out. The toolkit gives them a
    distance of -1, which counts as a hit.

    Args:
        threshold: Largest distance in pixels, at least 0. Defaults to 20.
        name: Name of the metric.
        dtype: Dtype of the result.

    Call arguments:
        y_true: Boxes as left, top, width, height, `(frames, 4)` or `(sequences, frames, 4)`.
        y_pred: The tracker's boxes in the same form.
        sample_weight: Weight of each frame within its sequence, or None.

    Output shape:
        A scalar in [0, 1].

    Raises:
        ValueError: for a negative threshold, or boxes of other shapes.

    >>> metric = TrackingPrecision(threshold=5)
    >>> metric.update_state([[0.0, 0, 10, 10], [9, 0, 10, 10]], [[3.0, 4, 10, 10], [0, 0, 10, 10]])
    >>> print(float(metric.result()))
    0.5
    """

    def __init__(self, threshold=20.0, name="tracking_precision", dtype=None):
        super().__init__(name, dtype)
        self.threshold = validation.finite_number("threshold", threshold, minimum=0)

    def score(self, y_true, y_pred):
        apart = (y_true - y_pred)[..., :2] + (y_true - y_pred)[..., 2:] / 2
        return ops.sum(ops.square(apart), axis=-1, keepdims=True) <= self.threshold**2

    def get_config(self):
        return {**super().get_config(), "threshold": self.threshold}
