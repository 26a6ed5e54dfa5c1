"""Losses, regularizers, initializers, metrics, callbacks and models with one thing wrong."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_cnn_zoo.losses.class_scores import class_scores
from keras_cnn_zoo.ops.class_ids import ClassIds, class_ids
from keras_cnn_zoo.testing import (
    ContractError,
    check_callback,
    check_initializer,
    check_loss,
    check_metric,
    check_model,
    check_regularizer,
)
from tests.testing.parts import (
    CLASS_IDS,
    LABELS,
    LOGS,
    PICKS,
    SCORES,
    UPDATES,
    ClassScore,
    Distance,
    MeanError,
    Patience,
    Ridge,
    SameClass,
    Uniform,
    class_score,
    distance,
    forgetful_picker,
    picker,
    register,
    small_model,
)


@register
class ForgetsDtype(Distance):
    def get_config(self):
        config = super().get_config()
        del config["dtype"]
        return config


@register
class FixesDtype(Distance):
    def __init__(self, factor=1.0, *, reduction="sum_over_batch_size", name="distance", dtype=None):
        super().__init__(factor, reduction=reduction, name=name, dtype="float32")


@register
class Broadcasts(Distance):
    def call(self, y_true, y_pred):
        return self.factor * ops.square(y_true - ops.sum(y_pred, axis=-1))


@register
class ReducesItself(Distance):
    def call(self, y_true, y_pred):
        return ops.mean(super().call(y_true, y_pred))


@register
class InfiniteAtZero(Distance):
    def call(self, y_true, y_pred):
        return super().call(y_true, y_pred) + ops.sqrt(ops.sum(ops.square(y_pred), axis=-1))


@register
class StopsGradient(Distance):
    def call(self, y_true, y_pred):
        return super().call(y_true, ops.stop_gradient(y_pred))


@register
class WrongLoss(Distance):
    def call(self, y_true, y_pred):
        return super().call(y_true, y_pred) * (1.0 + 1e-6)


@register
class CoupledReduction(Distance):
    def __call__(self, y_true, y_pred, sample_weight=None):
        return super().__call__(y_true, y_pred)


@pytest.mark.parametrize(
    ("guarantee", "cls", "message"),
    [
        ("C1", ForgetsDtype, "get_config lacks dtype"),
        ("C1", FixesDtype, r"get_config\(\)\['dtype'\] is 'float32' after dtype='float64'"),
        ("C3", Broadcasts, "y_true of shape .4, 1. gives another loss"),
        ("C3", ReducesItself, r"the loss has shape \(\) for a batch of 4"),
        ("C4", InfiniteAtZero, "float32 scores times 0: 8 of 8 values"),
        ("C7", StopsGradient, "the gradient of argument 0 is zero everywhere"),
        ("C13", WrongLoss, "the loss per sample differs from the reference"),
        ("C13", CoupledReduction, "reduction='none' with sample_weight"),
    ],
    ids=lambda item: getattr(item, "__name__", ""),
)
def test_broken_loss_is_caught_under_its_guarantee(guarantee, cls, message):
    with pytest.raises(ContractError, match=rf"^{guarantee} [^:]*: {cls.__name__}: .*{message}"):
        check_loss(cls, {"factor": 0.7}, LABELS, SCORES, reference=distance)


@register
class ClassesOfKeras(ClassScore):
    __call__ = keras.losses.Loss.__call__


@register
class IdsOfKeras(SameClass):
    __call__ = keras.losses.Loss.__call__


@register
class CountsAll(ClassScore):
    def prepared(self, y_true):
        return super().prepared(y_true)[0], None


@register
class NeverNaN(ClassScore):
    def call(self, y_true, y_pred):
        labels, scores = class_scores(y_true, y_pred)
        return ops.cast(labels._replace(refused=None).mark(self.distances(labels.ids, scores)), self.dtype)


@register
class NeverRefuses(ClassScore):
    def call(self, y_true, y_pred):
        ids = ops.cast(ops.reshape(y_true, (-1,)), "int32")
        labels = ClassIds(ids, ids != -1, (ids < -1) | (ids >= y_pred.shape[-1]))
        return ops.cast(labels.mark(self.distances(ids, y_pred)), self.dtype)


@register
class TakesOneScore(NeverRefuses):
    def call(self, y_true, y_pred):
        class_ids(y_true, y_pred.shape[-1])
        return super().call(y_true, y_pred)


@pytest.mark.parametrize(
    ("guarantee", "cls", "labels", "message"),
    [
        ("C4", IdsOfKeras, "ids", "the class ids 16777216, 16777217, ... give another loss than 0, 1"),
        ("C4", ClassesOfKeras, "classes", "dtype='bfloat16': class 257 has the loss of class 256"),
        ("C13", CountsAll, "classes", "an example with the label -1 changes the mean of the others"),
        ("C6", NeverNaN, "classes", "the compiled loss of a label -2 is"),
        ("C11", NeverRefuses, "classes", "label -2 is accepted"),
        ("C11", TakesOneScore, "classes", "a last axis of one score is accepted"),
    ],
    ids=lambda item: getattr(item, "__name__", ""),
)
def test_a_loss_that_mistakes_its_labels_is_caught(guarantee, cls, labels, message):
    reference = class_score if labels == "classes" else None
    with pytest.raises(ContractError, match=rf"^{guarantee} [^:]*: {cls.__name__}: .*{message}"):
        check_loss(cls, {}, CLASS_IDS, SCORES, labels=labels, reference=reference)


def test_an_unknown_kind_of_labels_is_refused():
    with pytest.raises(ValueError, match="`labels` must be one of 'classes', 'ids', and None. Received: lab"):
        check_loss(ClassScore, {}, CLASS_IDS, SCORES, labels="numbers")


@register
class RidgeNaN(Ridge):
    def __call__(self, x):
        return self.factor * ops.sqrt(ops.sum(ops.square(x)))


@register
class RidgeRounded(Ridge):
    def get_config(self):
        return {"factor": float(np.float32(self.factor))}


@register
class RidgeNotReduced(Ridge):
    def __call__(self, x):
        return self.factor * ops.square(x)


@pytest.mark.parametrize(
    ("guarantee", "cls", "message"),
    [
        ("C1", RidgeRounded, r"get_config\(\)\['factor'\] is 0.69"),
        ("C3", RidgeNotReduced, "the penalty has shape"),
        ("C4", RidgeNaN, "a float32 weight times 0: 4 of 4"),
    ],
    ids=lambda item: getattr(item, "__name__", ""),
)
def test_broken_regularizer_is_caught_under_its_guarantee(guarantee, cls, message):
    with pytest.raises(ContractError, match=rf"^{guarantee} [^:]*: {cls.__name__}: .*{message}"):
        check_regularizer(cls, {"factor": 0.7}, SCORES[:2])


@register
class IgnoresSeed(Uniform):
    def __call__(self, shape, dtype=None):
        return keras.random.uniform(shape, 0.0, self.high, dtype=dtype)


@register
class IgnoresDtype(Uniform):
    def __call__(self, shape, dtype=None):
        return super().__call__(shape, dtype="float32")


@pytest.mark.parametrize(
    ("guarantee", "cls", "message"),
    [
        ("C10", IgnoresSeed, "the values depend on the global seed"),
        ("C3", IgnoresDtype, r"gives float32\(3, 4\) for float16\(3, 4\)"),
    ],
    ids=lambda item: getattr(item, "__name__", ""),
)
def test_broken_initializer_is_caught_under_its_guarantee(guarantee, cls, message):
    with pytest.raises(ContractError, match=rf"^{guarantee} [^:]*: {cls.__name__}: .*{message}"):
        check_initializer(cls, {"high": 0.7, "seed": 3}, (3, 4))


@register
class NeverResets(MeanError):
    def reset_state(self):
        pass


@register
class MeanOfMeans(MeanError):
    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(y_true, y_pred)
        count = ops.cast(ops.size(y_true), "float32")
        self.total.assign(self.total / count)
        self.count.assign(self.count / count)


@pytest.mark.parametrize(
    ("cls", "message"),
    [(NeverResets, "the first result after reset_state"), (MeanOfMeans, "the result differs from what")],
    ids=lambda item: getattr(item, "__name__", ""),
)
def test_broken_metric_is_caught_by_its_expected_result(cls, message):
    with pytest.raises(ContractError, match=rf"^C13 [^:]*: {cls.__name__}: .*{message}"):
        check_metric(cls, {"power": 2}, UPDATES, expected=14 / 5)


class StillWaiting(Patience):
    """Goes on counting where the last training ended."""

    def __init__(self, epochs=1):
        super().__init__(epochs)
        self.best, self.waited = float("inf"), 0

    def on_train_begin(self, logs=None):
        pass


class WritesLogs(Patience):
    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        logs["waited"] = self.waited


class TooPatient(Patience):
    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        self.model.stop_training = self.waited > self.epochs


class Unchecked(Patience):
    def __init__(self, epochs=1):
        super().__init__()
        self.epochs = epochs


@pytest.mark.parametrize(
    ("guarantee", "cls", "message"),
    [
        ("C10", StillWaiting, "other epochs when trained with a second time"),
        ("C10", WritesLogs, "the logs were changed"),
        ("C13", TooPatient, "other epochs than expected"),
        ("C11", Unchecked, "is accepted"),
    ],
    ids=lambda item: getattr(item, "__name__", ""),
)
def test_broken_callback_is_caught_under_its_guarantee(guarantee, cls, message):
    logs = [dict(shown) for shown in LOGS]
    with pytest.raises(ContractError, match=rf"^{guarantee} [^:]*: {cls.__name__}: .*{message}"):
        check_callback(cls, {"epochs": 2}, logs, expected=6)


def test_a_good_callback_passes_and_nothing_runs_elsewhere():
    outcomes = check_callback(Patience, {"epochs": 2}, LOGS, expected=6)
    assert [outcome.guarantee for outcome in outcomes] == [f"C{number}" for number in range(1, 14)]
    assert {outcome.guarantee for outcome in outcomes if outcome.status == "pass"} == {"C10", "C11", "C13"}


def dead_layer():
    inputs = keras.Input((8, 8, 1))
    hidden = keras.layers.Conv2D(4, 3)(inputs)
    pooled = keras.layers.GlobalAveragePooling2D()(hidden)
    silenced = keras.layers.Lambda(ops.stop_gradient, output_shape=(4,))(pooled)
    return keras.Model(inputs, keras.layers.Dense(3)(silenced))


def never_learns():
    return keras.Sequential([keras.Input((8, 8, 1)), *small_model().layers, keras.layers.Rescaling(1e-3)])


@pytest.mark.parametrize(
    ("guarantee", "build", "message"),
    [
        ("C7", dead_layer, "is zero everywhere"),
        ("C7", never_learns, "on one batch the loss falls from .* in 40 steps"),
    ],
    ids=lambda item: getattr(item, "__name__", ""),
)
def test_broken_model_is_caught_under_its_guarantee(guarantee, build, message):
    with pytest.raises(ContractError, match=rf"^{guarantee} [^:]*: {build.__name__}: .*{message}"):
        check_model(build, (2, 8, 8, 1))


def test_a_weight_that_the_models_own_loss_forgets_is_caught():
    with pytest.raises(ContractError, match=r"^C7 [^:]*: forgetful_picker: the gradient of weight .*scores"):
        check_model(forgetful_picker, (2, 4), targets=PICKS)


def test_a_models_own_loss_that_never_falls_is_caught():
    with pytest.raises(ContractError, match=r"^C7 [^:]*: picker: on one batch the loss falls from"):
        check_model(picker, (2, 4), targets={"scores": np.full((2, 3), 1e4, "float32")})
