"""Fraction of keypoints that are predicted near their true positions."""

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.dtypes import at_least_float32


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class PercentageCorrectKeypoints(keras.metrics.Metric):
    """Fraction of keypoints at most `alpha` times a reference length from the truth (PCK).

    It counts the keypoints of all examples that are visible in the truth. Benchmarks use different reference
    lengths, which `reference` selects:

    - "box": the longer side of the box around the visible keypoints (Yang & Ramanan; PCK at 0.1 or 0.2);
    - a pair of keypoint numbers: the true distance of these two. LSP uses the torso, left shoulder to right
      hip, (9, 2) in its numbering, at `alpha=0.2`; FLIC does the same;
    - "given": lengths that come with the truth. MPII's PCKh uses 0.6 times the diagonal of the annotated head
      box at `alpha=0.5`, and marks pelvis and thorax as not visible.

    An example without a positive length is left out. It works in `fit` on every backend, except "given". With
    `num_keypoints`, `per_keypoint()` returns the fraction of each keypoint, as benchmarks report it.

    Reference: Yang & Ramanan, 2013, "Articulated Human Detection with Flexible Mixtures of Parts"; PCKh is
    Andriluka, Pishchulin, Gehler, Schiele, 2014, "2D Human Pose Estimation: New Benchmark and State of the
    Art Analysis".

    Differs from the paper: the published code of "box" adds a pixel to the sides, which makes no sense for
    relative coordinates.

    Args:
        alpha: Largest distance as a positive fraction of the length. Defaults to 0.2.
        name: Name of the metric.
        dtype: Dtype of the result.
        reference: "box", "given", or a pair of different keypoint numbers. Defaults to "box".
        num_keypoints: Number of keypoints of every example, which `per_keypoint` needs, or None for any
            number. Defaults to None.

    Call arguments:
        y_true: True positions, `(batch, keypoints, 2)` as x, y, or `(batch, keypoints, 3)` with a third
            number that is positive for visible keypoints. NaN means not visible. With "given", a dict of
            these as `keypoints` and the lengths, `(batch,)`, as `lengths`.
        y_pred: Predicted positions, `(batch, keypoints, 2)`.
        sample_weight: A weight for each example or keypoint, or None.

    Output shape:
        A scalar in [0, 1].

    Raises:
        ValueError: for an argument outside its range, keypoints of other shapes, or `per_keypoint` without
            `num_keypoints`.

    >>> truth = np.array([[[0.0, 0.0], [0.0, 10.0], [5.0, 5.0]]])
    >>> metric = PercentageCorrectKeypoints(alpha=0.2)
    >>> metric.update_state(truth, truth + [[[0.0, 2.0], [3.0, 0.0], [0.0, 0.0]]])
    >>> round(float(metric.result()), 3)
    0.667
    """

    def __init__(
        self,
        alpha=0.2,
        name="percentage_correct_keypoints",
        dtype=None,
        *,
        reference="box",
        num_keypoints=None,
    ):
        super().__init__(name=name, dtype=dtype)
        self._direction = "up"  # Keras' callbacks read this for `mode="auto"`.
        self.alpha = validation.finite_number("alpha", alpha, above=0)
        if not isinstance(reference, str) or reference not in ("box", "given"):
            _require_pair(reference)
            reference = tuple(int(number) for number in reference)
        self.reference = reference
        self.num_keypoints = validation.positive_integer("num_keypoints", num_keypoints, optional=True)
        shape = () if num_keypoints is None else (self.num_keypoints,)
        self.correct = self.add_variable(shape, initializer="zeros", name="correct")
        self.visible = self.add_variable(shape, initializer="zeros", name="visible")

    def update_state(self, y_true, y_pred, sample_weight=None):
        dtype = at_least_float32(self.dtype)
        lengths = None
        if self.reference == "given":
            if not hasattr(y_true, "keys") or not {"keypoints", "lengths"} <= set(y_true.keys()):
                received = sorted(y_true.keys()) if hasattr(y_true, "keys") else type(y_true).__name__
                raise ValueError(f"`y_true` must be a dict of keypoints and lengths. Received: {received}")
            lengths = ops.reshape(ops.cast(y_true["lengths"], dtype), (-1,))
            y_true = y_true["keypoints"]
        truth, found = ops.cast(y_true, dtype), ops.cast(y_pred, dtype)
        self._require_shapes(truth, found)
        visible = ops.all(ops.isfinite(truth), axis=-1)
        if truth.shape[-1] == 3:
            visible = visible & (truth[..., 2] > 0)
        places = ops.where(visible[..., None], truth[..., :2], ops.zeros_like(truth[..., :2]))
        if lengths is None:
            lengths = self._lengths(places, visible)
        measured = (lengths > 0) & ops.isfinite(lengths)
        lengths = ops.where(measured, lengths, ops.ones_like(lengths))
        distances = ops.sqrt(ops.sum(ops.square(found - places), axis=-1))
        weights = ops.cast(visible & measured[:, None], dtype)
        if sample_weight is not None:
            sample_weight = ops.cast(sample_weight, dtype)
            weights = weights * (sample_weight[:, None] if len(sample_weight.shape) == 1 else sample_weight)
        correct = ops.cast(distances <= self.alpha * lengths[:, None], dtype)
        summed = None if self.num_keypoints is None else 0
        self.correct.assign_add(ops.cast(ops.sum(correct * weights, axis=summed), self.correct.dtype))
        self.visible.assign_add(ops.cast(ops.sum(weights, axis=summed), self.visible.dtype))

    def result(self):
        visible = ops.sum(ops.convert_to_tensor(self.visible))
        correct = ops.sum(ops.convert_to_tensor(self.correct))
        return correct / ops.where(visible > 0, visible, ops.ones_like(visible))

    def per_keypoint(self):
        """Returns the fraction of each keypoint, `(num_keypoints,)`; NaN for one that was never visible.

        Raises:
            ValueError: without `num_keypoints`, because then only the sums over all keypoints are kept.
        """
        if self.num_keypoints is None:
            raise ValueError("`per_keypoint` needs `num_keypoints`. Received: num_keypoints=None")
        return self.correct / ops.convert_to_tensor(self.visible)

    def get_config(self):
        return {
            **super().get_config(),
            "alpha": self.alpha,
            "reference": self.reference,
            "num_keypoints": self.num_keypoints,
        }

    def _lengths(self, places, visible):
        """Returns the length of each example; not positive if its keypoints are not visible."""
        if self.reference == "box":
            high = ops.max(ops.where(visible[..., None], places, -np.inf), axis=1)
            low = ops.min(ops.where(visible[..., None], places, np.inf), axis=1)
            return ops.max(high - low, axis=-1)
        first, second = self.reference
        length = ops.sqrt(ops.sum(ops.square(places[:, first] - places[:, second]), axis=-1))
        return ops.where(visible[:, first] & visible[:, second], length, ops.zeros_like(length))

    def _require_shapes(self, truth, found):
        shapes = tuple(truth.shape), tuple(found.shape)
        if (
            len(shapes[0]) != 3
            or shapes[0][-1] not in (2, 3)
            or len(shapes[1]) != 3
            or shapes[1][-1] != 2
            or shapes[0][1] != shapes[1][1]
        ):
            raise ValueError(
                "`y_true` must be (batch, keypoints, 2) or (batch, keypoints, 3), and `y_pred` "
                f"(batch, keypoints, 2). Received: {shapes[0]} and {shapes[1]}"
            )
        if self.num_keypoints not in (None, shapes[0][1]):
            raise ValueError(
                f"`y_true` must have num_keypoints={self.num_keypoints} keypoints. Received: {shapes[0]}"
            )
        if not isinstance(self.reference, str) and max(self.reference) >= shapes[0][1]:
            raise ValueError(
                f"`reference` must name two of the {shapes[0][1]} keypoints. "
                f"Received: reference={self.reference}"
            )


def _require_pair(reference):
    try:
        numbers = [validation.non_negative_integer("reference", number) for number in reference]
    except (TypeError, ValueError):
        numbers = []
    if isinstance(reference, str) or len(set(numbers)) != 2 or len(numbers) != 2:
        validation.fail("reference", "'box', 'given', or a pair of different keypoint numbers", reference)
