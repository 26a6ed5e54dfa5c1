"""JensenShannon against two Kullback-Leibler divergences, its bounds, and SciPy."""

import math

import keras
import numpy as np
import pytest
from scipy.spatial import distance

from keras_cnn_zoo.losses import JensenShannon, jensen_shannon
from keras_cnn_zoo.utils.autodiff import value_and_gradients


def divergence(p, q):
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a > 0)


def reference(y_true, y_pred, from_logits=False):
    shape = y_pred.shape[:-1]
    losses = np.zeros(shape)
    for place in np.ndindex(shape):
        p, q = y_true[place], y_pred[place]
        if from_logits:
            q = np.exp(q - q.max()) / np.exp(q - q.max()).sum()
        middle = [(a + b) / 2 for a, b in zip(p, q, strict=True)]
        losses[place] = (divergence(p, middle) + divergence(q, middle)) / 2
    return losses


RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(6, 4)) * 2
P, Q = RNG.dirichlet(np.ones(4), 6), RNG.dirichlet(np.ones(4), 6)
P[0] = [1, 0, 0, 0]

CASES = [
    dict(cls=JensenShannon, init_kwargs={"from_logits": True}, y_true=P, y_pred=LOGITS, reference=reference),
    dict(cls=JensenShannon, init_kwargs={}, y_true=P, y_pred=Q, reference=reference),
    dict(
        cls=JensenShannon,
        init_kwargs={},
        y_true=P.reshape(2, 3, 4),
        y_pred=Q.reshape(2, 3, 4),
        reference=reference,
    ),
]


def numbers(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor), "float64")


def test_is_the_square_of_scipys_distance():
    expected = distance.jensenshannon(P, Q, axis=-1) ** 2
    np.testing.assert_allclose(numbers(jensen_shannon(P, Q)), expected, rtol=1e-5)


def test_bounds_are_zero_for_equal_and_log_two_for_disjoint_distributions():
    np.testing.assert_array_equal(numbers(jensen_shannon(P, P)), 0.0)
    apart = jensen_shannon(np.array([[0.25, 0.75, 0, 0]]), np.array([[0, 0, 0.4, 0.6]]))
    assert float(apart[0]) == pytest.approx(math.log(2), rel=1e-6)
    many = RNG.dirichlet(np.full(5, 0.05), (2, 2000)).astype("float32")
    losses = numbers(jensen_shannon(*many))
    assert losses.min() >= 0 and losses.max() <= math.log(2) * (1 + 1e-6)


def test_is_symmetric():
    np.testing.assert_allclose(numbers(jensen_shannon(P, Q)), numbers(jensen_shannon(Q, P)), rtol=1e-6)


@pytest.mark.parametrize("gap", [1e-2, 1e-4, 1e-6])
def test_small_differences_keep_their_digits(gap):
    # 1/8 sum (p - q)^2 / m to second order, with numbers that are exact in float32.
    gap = 2.0 ** round(math.log2(gap))
    p, q = np.array([[0.5, 0.5]]), np.array([[0.5 + gap, 0.5 - gap]])
    loss = float(jensen_shannon(p.astype("float32"), q.astype("float32"))[0])
    assert loss == pytest.approx(reference(p, q)[0] if gap > 1e-3 else gap**2 / 2, rel=1e-4)


def test_the_gradient_at_a_probability_of_zero_is_finite_and_raises_it():
    value, (gradient,), _ = value_and_gradients(
        lambda q: keras.ops.sum(jensen_shannon(np.array([[0.5, 0.5, 0.0]], "float32"), q)),
        [np.array([[1.0, 0.0, 0.0]], "float32")],
    )
    gradient = numbers(gradient)[0]
    assert np.isfinite(gradient).all() and gradient[1] < -10
    assert gradient[2] == pytest.approx(0, abs=1e-6)


def test_all_zero_input_gives_zero():
    value, (gradient,), _ = value_and_gradients(
        lambda q: keras.ops.sum(jensen_shannon(np.zeros((1, 3), "float32"), q)), [np.zeros((1, 3), "float32")]
    )
    assert float(value) == 0 and np.isfinite(numbers(gradient)).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_huge_logits(dtype):
    logits = keras.ops.convert_to_tensor([[6e4, -6e4], [-6e4, 6e4]], dtype=dtype)
    losses, (gradient,), _ = value_and_gradients(
        lambda z: keras.ops.sum(jensen_shannon(np.array([[1.0, 0.0], [1.0, 0.0]]), z, from_logits=True)),
        [logits],
    )
    assert float(losses) == pytest.approx(math.log(2), rel=1e-6)
    assert np.isfinite(numbers(keras.ops.cast(gradient, "float32"))).all()


@pytest.mark.parametrize("shapes", [((2, 3), (2, 4)), ((2,), (2, 3)), ((3,), (3,)), ((2, 1), (2, 3))])
def test_refuses_other_shapes(shapes):
    message = "must have the same shape, .* Received: y_true.shape="
    with pytest.raises(ValueError, match=message):
        JensenShannon()(*map(np.zeros, shapes))


def test_refuses_a_from_logits_that_is_not_a_boolean():
    with pytest.raises(ValueError, match="`from_logits` must be True or False. Received: from_logits=1"):
        JensenShannon(from_logits=1)
