"""Base class of the metrics of saliency maps: maps in several forms, and a weighted mean over maps."""

import keras
from keras import ops

from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.dtypes import at_least_float32


class BaseMapMean(keras.metrics.Metric):
    """Mean of `score`, which may have several values, over pairs of maps."""

    def __init__(self, name, dtype, *, normalize, values=1):
        super().__init__(name=name, dtype=dtype)
        self._direction = "up"  # Keras' callbacks read this for `mode="auto"`.
        self.normalize = validation.boolean("normalize", normalize)
        self.total = self.add_variable((values,), initializer="zeros", name="total")
        self.maps = self.add_variable((), initializer="zeros", name="maps")

    def score(self, truth, prediction):
        """Returns each pair's values (batch, values) for a boolean and a float map (batch, height, width)."""
        raise NotImplementedError(f"{type(self).__name__}.score")

    def update_state(self, y_true, y_pred, sample_weight=None):
        dtype = at_least_float32(self.dtype)
        truth = _as_maps("y_true", y_true) > 0.5
        prediction = ops.cast(_as_maps("y_pred", y_pred), dtype)
        if any(a != b for a, b in zip(truth.shape, prediction.shape, strict=True) if None not in (a, b)):
            raise ValueError(
                "`y_true` and `y_pred` must contain maps of the same size and number. "
                f"Received: {tuple(truth.shape)} and {tuple(prediction.shape)}"
            )
        scores = ops.cast(self.score(truth, _stretched(prediction) if self.normalize else prediction), dtype)
        weights = ops.ones_like(scores[:, 0])
        if sample_weight is not None:
            weights = weights * _as_weights(sample_weight, dtype, truth.shape[0])
        self.total.assign_add(ops.cast(ops.sum(scores * weights[:, None], axis=0), self.total.dtype))
        self.maps.assign_add(ops.cast(ops.sum(weights), self.maps.dtype))

    def curve(self):
        """Returns the mean of each value over maps; zeros before the first map."""
        maps = ops.convert_to_tensor(self.maps)
        return self.total / ops.where(maps > 0, maps, ops.ones_like(maps))

    def get_config(self):
        return {**super().get_config(), "normalize": self.normalize}


def _as_maps(name, values):
    values = ops.convert_to_tensor(values)
    if len(values.shape) == 4 and values.shape[-1] == 1:
        values = ops.squeeze(values, axis=-1)
    if len(values.shape) != 3:
        raise ValueError(
            f"`{name}` must have the shape (batch, height, width) or (batch, height, width, 1). "
            f"Received: {name}.shape={tuple(values.shape)}"
        )
    # Booleans cannot be compared with thresholds, and half precision is too coarse.
    return ops.cast(values, at_least_float32(values.dtype))


def _as_weights(sample_weight, dtype, batch):
    weights = ops.cast(sample_weight, dtype)
    shape = tuple(weights.shape)
    if shape[1:] not in ((), (1,)) or not shape or None not in (shape[0], batch) and shape[0] != batch:
        raise ValueError(
            f"`sample_weight` must have one weight per map. Received: sample_weight.shape={shape}"
        )
    return ops.reshape(weights, (-1,))


def _stretched(maps):
    """Rescales each map to [0, 1]; a constant map does not change."""
    low = ops.min(maps, axis=(1, 2), keepdims=True)
    span = ops.max(maps, axis=(1, 2), keepdims=True) - low
    varied = span > 0
    return ops.where(varied, (maps - low) / ops.where(varied, span, ops.ones_like(span)), maps)
