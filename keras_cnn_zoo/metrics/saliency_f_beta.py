"""F-measure of saliency maps."""

import keras
from keras import ops

from keras_cnn_zoo.metrics.map_mean import BaseMapMean
from keras_cnn_zoo.utils import validation

KINDS = ("max", "mean", "adaptive")
# A value this little below a threshold still reaches it. 7 / 255 differs between devices, and so does the
# maximum of a rescaled map. Gray levels are 4e-3 apart.
ROUNDING = 1e-6


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class SaliencyFBeta(BaseMapMean):
    """Weighted harmonic mean of precision and recall of a thresholded saliency map.

    It is `(1 + beta_squared) * precision * recall / (beta_squared * precision + recall)`, where a pixel is
    predicted if its value is at least the threshold. It is 0 without any correct pixel, and so for a map
    without an object. `kind` selects the threshold:

    - "max": the largest of 256 means over maps, one at each of the thresholds 0, 1/255, .., 1. Most papers
      since 2015 report this value.
    - "mean": the mean of the 256 means.
    - "adaptive": each map at twice its mean value (at most 1), as in the paper that introduced the metric.

    It equals the evaluation toolbox of Fan et al. (CODToolbox) and PySODMetrics. `curve()` gives the mean at
    each threshold. It works in `fit` on every backend.

    Reference: Achanta, Hemami, Estrada, Susstrunk, 2009, "Frequency-tuned Salient Region Detection" (CVPR),
    with `beta_squared=0.3`; the range of thresholds is that of Borji, Cheng, Jiang, Li, 2015, arXiv
    1501.02741.

    Differs from the paper: F is computed per map and then averaged, as in the toolboxes. Some older papers
    compute it from the averages of precision and recall.

    Args:
        kind: "max", "mean", or "adaptive". Defaults to "max".
        name: Name of the metric.
        dtype: Dtype of the result.
        beta_squared: Positive weight of precision against recall. Defaults to 0.3.
        thresholds: Number of thresholds, evenly spaced over [0, 1] with both ends; not used by "adaptive".
            Defaults to 256.
        normalize: Whether to rescale each predicted map to [0, 1] first, as the toolboxes do. Defaults to
            True.

    Call arguments:
        y_true: True maps, `(batch, height, width)` or `(batch, height, width, 1)`; values above 0.5 are the
            object.
        y_pred: Predicted maps with values in [0, 1], of either shape.
        sample_weight: A weight per map, or None.

    Output shape:
        A scalar in [0, 1].

    Raises:
        ValueError: for an argument outside its range, or maps of other shapes.

    >>> truth = np.array([[[1, 1], [0, 0]]])
    >>> metric = SaliencyFBeta()
    >>> metric.update_state(truth, np.array([[[0.9, 0.2], [0.1, 0.0]]]))
    >>> round(float(metric.result()), 3)
    1.0
    """

    def __init__(
        self,
        kind="max",
        name="saliency_f_beta",
        dtype=None,
        *,
        beta_squared=0.3,
        thresholds=256,
        normalize=True,
    ):
        self.thresholds = validation.positive_integer("thresholds", thresholds)
        if self.thresholds < 2:
            validation.fail("thresholds", "at least 2", thresholds)
        validation.one_of("kind", kind, KINDS)
        super().__init__(
            name, dtype, normalize=normalize, values=1 if kind == "adaptive" else self.thresholds
        )
        self.kind = kind
        self.beta_squared = validation.finite_number("beta_squared", beta_squared, above=0)

    def score(self, truth, prediction):
        if self.kind == "adaptive":
            threshold = ops.minimum(2 * ops.mean(prediction, axis=(1, 2), keepdims=True), 1.0)
            found = prediction + ROUNDING >= threshold
            right, all_found = (
                ops.sum(ops.cast(pixels, "float32"), axis=(1, 2))[:, None]
                for pixels in (found & truth, found)
            )
        else:
            right, all_found = _counts(truth, prediction, self.thresholds)
        positives = ops.sum(ops.cast(truth, "float32"), axis=(1, 2))[:, None]
        # The formula for precision right / all_found and recall right / positives, simplified.
        weighed = self.beta_squared * positives + all_found
        return (1 + self.beta_squared) * right / ops.where(weighed > 0, weighed, ops.ones_like(weighed))

    def result(self):
        return ops.max(self.curve()) if self.kind == "max" else ops.mean(self.curve())

    def get_config(self):
        return {
            **super().get_config(),
            "kind": self.kind,
            "beta_squared": self.beta_squared,
            "thresholds": self.thresholds,
        }


def _counts(truth, prediction, thresholds):
    """Counts the correct and all predicted pixels at each threshold, (batch, thresholds) each."""
    level = (prediction + ROUNDING) * (thresholds - 1)
    # The number of thresholds that each pixel reaches. NaN, like values below 0, reaches none.
    passed = ops.where(level >= 0, ops.floor(ops.minimum(level, thresholds - 1.0)) + 1, ops.zeros_like(level))
    passed = ops.cast(passed, "int32")
    bins = thresholds + 1
    batch = ops.shape(passed)[0]
    row = 2 * ops.arange(batch, dtype="int32")[:, None, None] + ops.cast(truth, "int32")
    places = ops.reshape(row * bins + passed, (-1,))
    histogram = ops.segment_sum(ops.ones_like(places, dtype="float32"), places, num_segments=batch * 2 * bins)
    histogram = ops.reshape(histogram, (batch, 2, bins))
    # The pixels that reach threshold t are those in the bins above t.
    found = ops.flip(ops.cumsum(ops.flip(histogram[:, :, 1:], axis=2), axis=2), axis=2)
    return found[:, 1], found[:, 0] + found[:, 1]
