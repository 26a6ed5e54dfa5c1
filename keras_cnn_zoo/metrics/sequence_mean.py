"""Base class of the tracking metrics: a mean over the frames of a sequence, then over sequences."""

import keras
from keras import ops

from keras_cnn_zoo.utils.dtypes import at_least_float32


class BaseSequenceMean(keras.metrics.Metric):
    """Mean of `score` over those frames of a sequence that show the target, then over sequences."""

    # Number of values that `score` returns per frame.
    values = 1

    def __init__(self, name, dtype):
        super().__init__(name=name, dtype=dtype)
        self._direction = "up"  # Keras' callbacks read this for `mode="auto"`.
        self.total = self.add_variable((self.values,), initializer="zeros", name="total")
        self.sequences = self.add_variable((), initializer="zeros", name="sequences")

    def score(self, y_true, y_pred):
        """Returns booleans (sequences, frames, values) for boxes (sequences, frames, 4)."""
        raise NotImplementedError(f"{type(self).__name__}.score")

    def update_state(self, y_true, y_pred, sample_weight=None):
        dtype = at_least_float32(self.dtype)
        y_true, y_pred = ops.cast(y_true, dtype), ops.cast(y_pred, dtype)
        if tuple(y_true.shape) != tuple(y_pred.shape) or y_true.shape[-1] != 4 or len(y_true.shape) > 3:
            raise ValueError(
                "`y_true` and `y_pred` must both be (frames, 4) or (sequences, frames, 4). "
                f"Received: {tuple(y_true.shape)} and {tuple(y_pred.shape)}"
            )
        if len(y_true.shape) == 2:
            y_true, y_pred = y_true[None], y_pred[None]
        present = ops.all(ops.isfinite(y_true), axis=-1) & ops.all(y_true[..., 2:] > 0, axis=-1)
        y_true = ops.where(present[..., None], y_true, ops.ones_like(y_true))
        weights = ops.cast(present, dtype)
        if sample_weight is not None:
            sample_weight = ops.cast(sample_weight, dtype)
            weights = weights * ops.reshape(sample_weight, ops.shape(weights))
        scores = ops.cast(self.score(y_true, y_pred), dtype)
        frames = ops.sum(weights, axis=1)
        shares = ops.sum(scores * weights[..., None], axis=1)
        shares = shares / ops.where(frames > 0, frames, ops.ones_like(frames))[:, None]
        self.total.assign_add(ops.cast(ops.sum(shares, axis=0), self.total.dtype))
        self.sequences.assign_add(ops.cast(ops.sum(ops.cast(frames > 0, dtype)), self.sequences.dtype))

    def curve(self):
        """Returns the mean of each value over sequences; zeros before the first sequence."""
        sequences = ops.convert_to_tensor(self.sequences)
        return self.total / ops.where(sequences > 0, sequences, ops.ones_like(sequences))

    def result(self):
        return ops.mean(self.curve())
