"""C4's rule on NaN: guards that hide it are caught, in inputs, predictions and weights; others pass."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_cnn_zoo.testing import LayerCase, LossCase, MetricCase, RegularizerCase
from keras_cnn_zoo.testing.checks import not_a_number, precision, xla
from keras_cnn_zoo.testing.guarantees import Broken, NotApplicable
from tests.testing.parts import (
    DENSE,
    LABELS,
    SCORES,
    UPDATES,
    Distance,
    MeanError,
    Ridge,
    ScaledDense,
    register,
)


@register
class Guarded(ScaledDense):
    """Divides by the length of the input; NaN fails the guard."""

    def length(self, inputs):
        return ops.sum(ops.square(inputs), axis=-1, keepdims=True)

    def guard(self, length):
        return ops.where(length <= 0, ops.ones_like(length), length)

    def call(self, inputs, training=False):
        return super().call(inputs / self.guard(self.length(inputs)))


@register
class HidesExamples(Guarded):
    """Gives 0 for an input of no length, and so for NaN."""

    def call(self, inputs, training=False):
        length = self.length(inputs)
        outputs = super().call(ops.where(length > 0, inputs, ops.zeros_like(inputs)))
        return outputs


@register
class HidesInTraining(ScaledDense):
    def call(self, inputs, training=False):
        if training:
            inputs = ops.where(ops.abs(inputs) < 9.0, inputs, ops.zeros_like(inputs))
        return super().call(inputs)


@register
class HidesOneElement(ScaledDense):
    """The last feature alone passes a guard."""

    def call(self, inputs, training=False):
        first, last = inputs[:, :-1], inputs[:, -1:]
        last = ops.where(last > -9.0, last, ops.zeros_like(last))
        return super().call(ops.concatenate([first, last], axis=-1))


@register
class HidesWeight(ScaledDense):
    def call(self, inputs, training=False):
        kernel = ops.convert_to_tensor(self.kernel)
        kernel = ops.where(kernel > -9.0, kernel, ops.zeros_like(kernel))
        bias = ops.convert_to_tensor(self.bias)
        bias = ops.where(bias > -9.0, bias, ops.zeros_like(bias))
        return self.scale * (ops.einsum("bi,io->bo", inputs, kernel) + bias)


@register
class HidesOneWeight(ScaledDense):
    def call(self, inputs, training=False):
        bias = ops.convert_to_tensor(self.bias)
        bias = ops.where(bias > -9.0, bias, ops.zeros_like(bias))
        return self.scale * (ops.einsum("bi,io->bo", inputs, self.kernel) + bias)


@register
class Selects(ScaledDense):
    """The larger of two features; a NaN is passed over."""

    def call(self, inputs, training=False):
        return super().call(ops.where(inputs > -9.0, inputs, ops.zeros_like(inputs)))


@register
class SelectsSilently(Selects):
    """The larger of two features."""


def layer_case(cls, **arguments):
    return LayerCase(cls, DENSE, (3, 4), **arguments)


def test_a_guard_that_nan_fails_passes():
    precision.check_layer(layer_case(Guarded))
    xla.check_layer(layer_case(Guarded))


def test_what_does_not_depend_on_the_input_may_be_a_number():
    keep = np.array([[1.0], [0.0], [1.0]], "float32")
    case = layer_case(ScaledDense)
    subject = not_a_number.of_function(
        case, [np.ones((3, 2), "float32")], lambda arrays: [np.where(keep > 0, arrays[0], 0)], [keep * [1, 1]]
    )
    assert list(not_a_number.hidden(subject)) == []


BROKEN = [
    (HidesExamples, "^training: every input is NaN, and 9 of 9 values of output 0 are not"),
    (HidesInTraining, "^training: every input is NaN, and 9 of 9"),
    (HidesOneElement, r"^training: element \(2, 3\) of input 0 is NaN, and no output of it is"),
    (HidesWeight, "^training: all weights are NaN, and no output is"),
]


@pytest.mark.parametrize(("cls", "message"), BROKEN, ids=[cls.__name__ for cls, _ in BROKEN])
def test_a_guard_that_hides_nan_is_caught(cls, message):
    with pytest.raises(Broken, match=message) as caught:
        precision.check_layer_default(layer_case(cls))
    assert caught.value.topic == "NaN"
    assert "where(x <= 0, substitute, x)" in caught.value.advice


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="XLA compiles on TensorFlow and JAX")
def test_a_guard_that_hides_one_weight_is_caught_when_compiled():
    with pytest.raises(Broken, match="the weight .*bias is NaN, and no output is"):
        xla.check_layer(layer_case(HidesOneWeight))


def test_a_part_that_selects_declares_it_and_says_what_nan_does():
    with pytest.raises(Broken, match="every input is NaN"):
        precision.check_layer_default(layer_case(Selects))
    precision.check_layer_default(layer_case(Selects, selects_value="score"))
    with pytest.raises(Broken, match="its docstring does not say what NaN does"):
        precision.check_layer_default(layer_case(SelectsSilently, selects_value="score"))


def test_a_maximum_may_lose_nan_on_tensorflow_only():
    case = layer_case(Selects, selects_value="maximum")
    if keras.backend.backend() == "tensorflow":
        precision.check_layer_default(case)
    else:
        with pytest.raises(Broken, match="every input is NaN"):
            precision.check_layer_default(case)


def test_kinds_of_selection_are_known():
    with pytest.raises(ValueError, match="`selects_value` must be one of maximum.*Received:.*'best'"):
        layer_case(Selects, selects_value="best")


@register
class HidesDistance(Distance):
    def call(self, y_true, y_pred):
        loss = super().call(y_true, y_pred)
        return ops.where(loss >= 0, loss, ops.zeros_like(loss))


def loss_case(cls):
    return LossCase(cls, {"factor": 0.7}, LABELS, SCORES)


def test_a_loss_that_hides_nan_is_caught():
    precision.check_loss(loss_case(Distance))
    with pytest.raises(Broken, match="every input is NaN, and 4 of 4 values of output 0 are not"):
        precision.check_loss(loss_case(HidesDistance))


@register
class HidesRidge(Ridge):
    def __call__(self, x):
        return super().__call__(ops.where(x > -9.0, x, ops.zeros_like(x)))


def test_a_regularizer_that_hides_nan_is_caught():
    precision.check_regularizer(RegularizerCase(Ridge, {"factor": 0.7}, SCORES))
    with pytest.raises(Broken, match="every input is NaN, and 1 of 1 values"):
        precision.check_regularizer(RegularizerCase(HidesRidge, {"factor": 0.7}, SCORES))


@register
class ForgivingError(MeanError):
    """Leaves NaN out of the mean."""

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = ops.where(ops.isnan(y_pred), ops.ones_like(y_pred), y_pred)
        super().update_state(y_true, y_pred)


@register
class Refuses(MeanError):
    def update_state(self, y_true, y_pred, sample_weight=None):
        if not np.isfinite(y_pred).all():
            raise ValueError("`y_pred` must be finite.")
        super().update_state(y_true, y_pred)


def metric_case(cls, updates=UPDATES):
    return MetricCase(cls, {"power": 2}, updates, expected=None)


def test_a_metric_that_forgives_nan_is_caught():
    precision.check_metric(metric_case(MeanError))
    precision.check_metric(metric_case(Refuses))
    with pytest.raises(Broken, match="every prediction is NaN, and the result is 1"):
        precision.check_metric(metric_case(ForgivingError))
    with pytest.raises(NotApplicable):
        precision.check_metric(metric_case(MeanError, [tuple(a.astype(int) for a in u) for u in UPDATES]))


def test_accuracy_of_nan_counts_as_a_good_number():
    case = MetricCase(
        keras.metrics.BinaryAccuracy,
        {},
        [(np.array([0.0, 1.0, 0.0]), np.array([0.2, 0.7, 0.1]))],
        expected=None,
    )
    with pytest.raises(Broken, match="the result is 0.667"):
        precision.check_metric(case)
