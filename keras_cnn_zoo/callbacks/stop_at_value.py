"""Ends training when a metric is good enough."""

import math
import warnings

import keras

from keras_cnn_zoo.utils import validation

MODES = ("auto", "min", "max")


class StopAtValue(keras.callbacks.Callback):
    """Ends training after the first epoch in which a metric reaches a value.

    Where a figure is wanted and no more, as in comparing the epochs that two networks need; Keras'
    `EarlyStopping` waits until a metric no longer improves. `stopped_epoch` is the number of the last epoch,
    counted from 0 as in Keras, or None. An epoch whose logs lack the metric gives a warning and goes on, as
    with `EarlyStopping`; NaN reaches no value.

    Reference: Coleman et al., 2017, "DAWNBench: An End-to-End Deep Learning Benchmark and Competition", which
    measures training by the time to a given accuracy.

    Args:
        metric: Name in the logs of an epoch, such as "val_accuracy" or "loss".
        value: The number to reach.
        mode: "min" where the metric is to fall to the value, "max" where it is to rise to it, "auto" for the
            direction that Keras gives to the loss and to its metrics. Defaults to "auto".

    Raises:
        ValueError: for an argument outside its range; after the first epoch, for `mode="auto"` with a metric
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
        if self._rises is None:  # Earlier, the metrics of `compile` are not built.
            self._rises = self._direction() == "max"
        reached = float(logs[self.metric])
        if not math.isnan(reached) and (reached >= self.value if self._rises else reached <= self.value):
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def _direction(self):
        """ "min" or "max"."""
        if self.mode != "auto":
            return self.mode
        name = self.metric.removeprefix("val_")
        if name == "loss":
            return "min"
        for metric in _single_metrics(self.model.metrics):
            # What Keras' own callbacks go by; its metrics have it, and those of this package.
            direction = getattr(metric, "_direction", None)
            if metric.name == name and direction is not None:
                return "max" if direction == "up" else "min"
        raise ValueError(
            "`mode` must be 'min' or 'max' where Keras does not know whether the metric is to fall or rise. "
            f"Received: mode='auto', metric={self.metric!r}"
        )


def _single_metrics(metrics):
    """The metrics themselves, those that `compile` has gathered in one included."""
    for metric in metrics:
        gathered = getattr(metric, "metrics", None)
        if isinstance(gathered, (list, tuple)):
            yield from _single_metrics(gathered)
        else:
            yield metric
