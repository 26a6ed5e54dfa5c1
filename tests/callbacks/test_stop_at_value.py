"""StopAtValue in both directions, with metrics of Keras and this package, and without its metric."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.callbacks import StopAtValue
from keras_cnn_zoo.metrics import OneShotError, RecallAtK, SaliencyFBeta

LOGS = [{"loss": 1.0, "top": 0.2}, {"loss": 0.4, "top": 0.5}, {"loss": 0.3, "top": 0.9}]
CASES = [
    dict(cls=StopAtValue, init_kwargs={"metric": "top", "value": 0.5, "mode": "max"}, logs=LOGS, expected=2),
    dict(cls=StopAtValue, init_kwargs={"metric": "loss", "value": 0.3}, logs=LOGS, expected=3),
    dict(cls=StopAtValue, init_kwargs={"metric": "loss", "value": -1, "mode": "min"}, logs=LOGS, expected=3),
]

X = np.linspace(-1, 1, 16)[:, None].astype("float32")


def trained(metrics, stop, *, epochs=30, targets=2 * X, rate=0.2):
    """Returns the history of a linear model that fits a line."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(rate), "mse", metrics=metrics)
    return model.fit(X, targets, epochs=epochs, verbose=0, callbacks=[stop]).history


@pytest.mark.parametrize("name", ["loss", "mean_absolute_error"])
def test_a_falling_metric_ends_training_at_the_first_epoch_that_reaches_the_value(name):
    stop = StopAtValue(name, 0.05)
    found = trained(["mean_absolute_error"], stop)[name]
    assert len(found) < 30
    assert found[-1] <= 0.05 < min(found[:-1])
    assert stop.stopped_epoch == len(found) - 1


def test_a_rising_metric_ends_training_at_the_first_epoch_that_reaches_the_value():
    stop = StopAtValue("r2_score", 0.9)
    found = trained([keras.metrics.R2Score()], stop)["r2_score"]
    assert len(found) < 30
    assert found[-1] >= 0.9 > max(found[:-1])


def test_a_metric_of_validation():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.2), "mse", metrics=[keras.metrics.R2Score()])
    found = model.fit(
        X,
        2 * X,
        epochs=30,
        verbose=0,
        validation_data=(X / 2, X),
        callbacks=[StopAtValue("val_r2_score", 0.9)],
    ).history["val_r2_score"]
    assert len(found) < 30 and found[-1] >= 0.9 > max(found[:-1])


def test_a_value_that_is_never_reached_does_not_end_training():
    stop = StopAtValue("loss", -1.0)
    assert len(trained([], stop, epochs=3)["loss"]) == 3
    assert stop.stopped_epoch is None


def test_the_mode_overrides_the_metrics_direction():
    assert len(trained([], StopAtValue("loss", 0.0, mode="max"), epochs=3)["loss"]) == 1


def test_nan_reaches_no_value():
    for mode in ("min", "max"):
        history = trained([], StopAtValue("loss", 0.0, mode=mode), epochs=3, targets=np.nan * X)
        assert len(history["loss"]) == 3


def test_infinity_reaches_every_value():
    from keras_cnn_zoo.testing.epochs import epochs_run

    logs = [{"a": float("-inf")}, {"a": float("inf")}, {"a": 0.0}]
    assert epochs_run(StopAtValue("a", 1.0, mode="max"), logs) == 2
    assert epochs_run(StopAtValue("a", 1.0, mode="min"), logs) == 1


def test_a_second_training_starts_afresh():
    stop = StopAtValue("loss", 0.05)
    first = len(trained([], stop)["loss"])
    assert len(trained([], stop)["loss"]) == first
    trained([], stop, epochs=1)
    assert stop.stopped_epoch is None


def test_a_metric_that_is_not_in_the_logs_gives_a_warning():
    with pytest.warns(UserWarning, match="metric `val_loss`, which is not available. .* metrics are: loss"):
        assert len(trained([], StopAtValue("val_loss", 0.1), epochs=1)["loss"]) == 1


class Unknown(keras.metrics.Mean):
    """A metric without a direction."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        return super().update_state(y_pred)


def test_a_metric_without_a_known_direction_needs_a_mode():
    with pytest.raises(ValueError, match="`mode` must be 'min' or 'max' .* mode='auto', metric='size'"):
        trained([Unknown("size")], StopAtValue("size", 0.0), epochs=2)
    assert len(trained([Unknown("size")], StopAtValue("size", 9.0, mode="max"), epochs=2)["loss"]) == 2


@pytest.mark.parametrize(
    "metric, rises", [(SaliencyFBeta(), True), (RecallAtK(), True), (OneShotError(), False)]
)
def test_the_packages_metrics_have_a_direction(metric, rises):
    stop = StopAtValue(metric.name, 0.5)
    stop.set_model(keras.Sequential([keras.layers.Dense(1)]))
    stop.model.compile(loss="mse")
    stop.model.wanted = metric
    stop.on_train_begin()
    stop.model.stop_training = False
    stop.on_epoch_end(0, {metric.name: 0.4})
    assert stop.model.stop_training is not rises
    stop.model.stop_training = False
    stop.on_epoch_end(1, {metric.name: 0.6})
    assert stop.model.stop_training is rises


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"metric": ""}, "`metric` must be the name of a metric. Received: metric=''"),
        ({"metric": None}, "`metric` must be the name of a metric. Received: metric=None"),
        ({"value": float("nan")}, "`value` must be a finite number. Received: value=nan"),
        ({"mode": "up"}, "`mode` must be one of 'auto', 'min', 'max'. Received: mode='up'"),
    ],
)
def test_invalid_arguments_raise(arguments, message):
    with pytest.raises(ValueError, match=message):
        StopAtValue(**{"metric": "loss", "value": 0.1, **arguments})
