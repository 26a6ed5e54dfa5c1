"""Lp against a loop over the weights, and Keras' L1 and L2."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.regularizers import Lp
from keras_cnn_zoo.utils.autodiff import value_and_gradients


def reference(weight, p, factor=0.01, epsilon=1e-3):
    total = 0.0
    for value in weight.ravel():
        total += abs(value) ** p if p >= 1 else (value * value + epsilon * epsilon) ** (p / 2) - epsilon**p
    return factor * total


WEIGHT = np.random.default_rng(0).normal(size=(3, 4, 2))

CASES = [
    dict(cls=Lp, init_kwargs={"factor": 0.3, "p": 0.7, "epsilon": 0.05}, weight=WEIGHT, reference=reference),
    dict(cls=Lp, init_kwargs={"p": 1.5}, weight=WEIGHT, reference=reference),
    dict(cls=Lp, init_kwargs={"factor": 0.02, "p": 4}, weight=WEIGHT, reference=reference),
]


@pytest.mark.parametrize("p, sibling", [(1, keras.regularizers.L1), (2, keras.regularizers.L2)])
def test_p_1_and_2_are_keras(p, sibling):
    weight = keras.ops.convert_to_tensor(WEIGHT, dtype="float32")
    assert float(Lp(0.25, p=p)(weight)) == pytest.approx(float(sibling(0.25)(weight)), rel=1e-6)


def test_it_is_continuous_in_p_at_1():
    below, at = (float(Lp(p=p, epsilon=1e-6)(WEIGHT)) for p in (1 - 1e-6, 1))
    assert below == pytest.approx(at, rel=1e-4)


def test_the_smoothing_matters_only_near_zero():
    far = float(Lp(1.0, p=0.5, epsilon=1e-3)(np.array([2.0])))
    assert far == pytest.approx(np.sqrt(2.0) - np.sqrt(1e-3), rel=1e-6)
    assert float(Lp(1.0, p=0.5)(np.zeros(7))) == 0.0


@pytest.mark.parametrize("p", [0.1, 0.5, 1, 1.2, 2, 3])
@pytest.mark.parametrize("epsilon", [1e-12, 1e-3])
def test_gradients_are_finite_at_zero_and_elsewhere(p, epsilon):
    weight = np.array([0.0, 1e-20, -1e-6, 1e-3, 0.1, -50.0], "float32")
    _, (gradient,), _ = value_and_gradients(Lp(1.0, p=p, epsilon=epsilon), [weight])
    gradient = keras.ops.convert_to_numpy(gradient)
    assert np.isfinite(gradient).all()
    assert gradient[0] == 0
    assert np.sign(gradient[3:]).tolist() == [1, 1, -1]


def test_half_precision_weights_do_not_overflow():
    weight = keras.ops.convert_to_tensor(np.full(100, 300.0), dtype="float16")
    assert float(Lp(1.0, p=2)(weight)) == pytest.approx(9e6)


def test_empty_weights_and_factor_zero_cost_nothing():
    assert float(Lp(p=0.5)(np.zeros((0, 3), "float32"))) == 0.0
    assert float(Lp(0, p=3)(WEIGHT)) == 0.0


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"factor": -1}, "`factor` must be a finite number at least 0. Received: factor=-1"),
        ({"factor": "l2"}, "`factor` must be .* Received: factor='l2'"),
        ({"p": 0}, "`p` must be a finite number above 0. Received: p=0"),
        ({"p": float("inf")}, "`p` must be a finite number above 0. Received: p=inf"),
        ({"epsilon": 0}, "`epsilon` must be a finite number at least 1e-12. Received: epsilon=0"),
    ],
)
def test_invalid_arguments_raise(arguments, message):
    with pytest.raises(ValueError, match=message):
        Lp(**{"p": 2, **arguments})


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-6), ("float64", 1e-14)])
def test_squares_of_large_weights_do_not_overflow(dtype, tolerance):
    weight = np.array([1e20, -3e38, 0.0])
    value = Lp(factor=1.0, p=0.5)(keras.ops.convert_to_tensor(weight, dtype=dtype))
    np.testing.assert_allclose(float(value), np.sqrt(np.abs(weight)).sum(), rtol=tolerance)


@pytest.mark.parametrize("p", [0.3, 2.7])
def test_float64_keeps_the_exponent(p):
    weight = np.array([0.3, -1.7, 5.0])
    value = Lp(factor=1.0, p=p, epsilon=1e-12)(keras.ops.convert_to_tensor(weight, dtype="float64"))
    np.testing.assert_allclose(float(value), (np.abs(weight) ** p).sum() - (p < 1) * 3 * 1e-12**p, rtol=1e-14)


def test_a_weight_of_zero_costs_nothing():
    for p, epsilon in ((0.3, 0.1), (0.7, 3.0)):
        assert float(Lp(p=p, epsilon=epsilon)(keras.ops.zeros(4))) == 0.0
