"""Callback that ends training when a metric is good enough."""

import math
import warnings

import keras

from keras_cnn_zoo.utils import validation

MODES = ("auto", "min", "max")


class StopAtValue(keras.callbacks.Callback):
    """Callback that ends training after the first epoch in which a metric reaches a value.

    Use it to compare how many epochs networks need; Keras' `EarlyStopping` waits until a metric no longer
    improves. `stopped_epoch` is the index of the last epoch, from 0 as in Keras, or None. If the logs of an
    epoch lack the metric, there is a warning and training continues, as with `EarlyStopping`. NaN reaches no
    value.

    Reference: Coleman et al., 2017, "DAWNBench: An End-to-End Deep Learning Benchmark and Competition", which
    measures the training time to a given accuracy.

    Args:
        metric: Name in the logs of an epoch, such as "val_accuracy" or "loss".
        value: The number to reach.
        mode: "min" if the metric falls to the value, "max" if it rises to it, "auto" for the direction that
            Keras knows for the loss and for metrics. Defaults to "auto".

    Raises:
        ValueError: for an argument outside its range; after the first epoch, for `mode="auto"` and a metric
            whose direction Keras does not know.

    >>> model = keras.Sequential([keras.layers.Dense(1)])
    >>> model.compile(keras.optimizers.SGD(0.1), "mse")
    >>> stop = StopAtValue("loss", 1e-3)
    >>> x = np.linspace(-1, 1, 32)[:, None]
    >>> history = model.fit(x, 3 * x + 1, epochs=200, verbose=0, callbacks=[stop])
    >>> history.history["loss"][-1] <= 1e-3 < history.history["loss"][-2]
    True
    """

    def __init__(self, metric, value, *, mode="auto"):
        super().__init__()
        if not isinstance(metric, str) or not metric:
            validation.fail("metric", "the name of a metric", metric)
        self.metric = metric
        self.value = validation.finite_number("value", value)
        self.mode = validation.one_of("mode", mode, MODES)
        self.stopped_epoch = None
        self._rises = None

    def on_train_begin(self, logs=None):
        self.stopped_epoch = None
        self._rises = None

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        if self.metric not in logs:
            warnings.warn(
                f"StopAtValue waits for the metric `{self.metric}`, which is not available. "
                f"Available metrics are: {', '.join(logs)}",
                stacklevel=2,
            )
            return
        if self._rises is None:  # Before the first epoch, the metrics of `compile` are not built.
            self._rises = self._direction() == "max"
        reached = float(logs[self.metric])
        if not math.isnan(reached) and (reached >= self.value if self._rises else reached <= self.value):
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def _direction(self):
        """Returns "min" or "max"."""
        if self.mode != "auto":
            return self.mode
        name = self.metric.removeprefix("val_")
        if name == "loss":
            return "min"
        for metric in _single_metrics(self.model.metrics):
            # Keras' callbacks use this attribute too. Its metrics have it, and those of this package.
            direction = getattr(metric, "_direction", None)
            if metric.name == name and direction is not None:
                return "max" if direction == "up" else "min"
        raise ValueError(
            "`mode` must be 'min' or 'max' if Keras does not know the direction of the metric. "
            f"Received: mode='auto', metric={self.metric!r}"
        )


def _single_metrics(metrics):
    """Yields single metrics, including those that `compile` groups into one."""
    for metric in metrics:
        gathered = getattr(metric, "metrics", None)
        if isinstance(gathered, (list, tuple)):
            yield from _single_metrics(gathered)
        else:
            yield metric
