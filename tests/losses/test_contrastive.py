"""Contrastive against a loop over equation (20) and over Hadsell, Chopra and LeCun's loss."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.losses import Contrastive, contrastive
from keras_cnn_zoo.utils.autodiff import value_and_gradients


def reference(y_true, y_pred, margin=1.0, squared_hinge=False):
    losses = []
    for match, (first, second) in zip(np.asarray(y_true).ravel(), y_pred, strict=True):
        distance = sum((a - b) ** 2 for a, b in zip(first, second, strict=True))
        push = max(margin - distance**0.5, 0.0) ** 2 if squared_hinge else max(margin - distance, 0.0)
        losses.append(0.5 * (match * distance + (1 - match) * push))
    return np.array(losses)


PAIRS = np.random.default_rng(0).normal(size=(6, 2, 3)) * 0.7
MATCH = np.array([1, 0, 0, 1, 0, 0])

CASES = [
    dict(
        cls=Contrastive,
        init_kwargs={"margin": 2.5, "squared_hinge": True},
        y_true=MATCH,
        y_pred=PAIRS,
        reference=reference,
    ),
    dict(
        cls=Contrastive, init_kwargs={"margin": 3.0}, y_true=MATCH[:, None], y_pred=PAIRS, reference=reference
    ),
    dict(cls=Contrastive, init_kwargs={}, y_true=MATCH, y_pred=PAIRS, reference=reference),
]


def pair(distance, dtype="float32"):
    """Returns one pair at this Euclidean distance."""
    return keras.ops.convert_to_tensor([[[0.0, 0.0], [0.6 * distance, 0.8 * distance]]], dtype=dtype)


@pytest.mark.parametrize(
    "match, distance, squared_hinge, expected",
    [
        (1, 3.0, False, 4.5),
        (1, 3.0, True, 4.5),
        (0, 1.0, False, 0.5),
        (0, 0.5, True, 0.5 * 1.5**2),
        (0, 2.0, False, 0.0),
        (0, 2.0, True, 0.0),
        (0.5, 1.0, False, 0.5),
    ],
)
def test_by_hand_with_margin_2(match, distance, squared_hinge, expected):
    value = contrastive([match], pair(distance), margin=2.0, squared_hinge=squared_hinge)
    assert float(value[0]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("squared_hinge", [False, True])
@pytest.mark.parametrize("match", [0, 1])
@pytest.mark.parametrize("distance", [0.0, 1e-30, 1e4, 1e25])
def test_values_and_gradients_at_zero_and_at_huge_distances(squared_hinge, match, distance):
    value, (gradient,), _ = value_and_gradients(
        lambda x: keras.ops.sum(contrastive(np.array([match]), x, squared_hinge=squared_hinge)),
        [pair(distance)],
    )
    gradient = keras.ops.convert_to_numpy(gradient)
    assert np.isfinite(gradient).all()
    if match == 0:
        assert float(value) == pytest.approx(0.5 if distance < 1 else 0.0)
        assert not gradient.any() or distance == 1e-30
    elif distance < 1e20:  # above, the squared distance is not a float32
        assert float(value) == pytest.approx(distance**2 / 2, rel=1e-5)


def test_distances_do_not_overflow_in_float16():
    assert float(contrastive([1], pair(1000.0, "float16"))[0]) == pytest.approx(5e5, rel=1e-3)


def test_a_matching_pair_is_pulled_together_and_another_pushed_apart():
    for match, sign in ((1, 1), (0, -1)):
        _, (gradient,), _ = value_and_gradients(
            lambda x, match=match: keras.ops.sum(contrastive(np.array([match]), x, margin=4.0)), [pair(1.0)]
        )
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(gradient)[0, 1], [sign * 0.6, sign * 0.8], rtol=1e-5
        )


@pytest.mark.parametrize("margin", [0, -1.0, "wide", None, float("inf")])
def test_refuses_a_margin_that_is_not_positive(margin):
    with pytest.raises(ValueError, match="`margin` must be a finite number above 0. Received: margin="):
        Contrastive(margin)


def test_refuses_a_squared_hinge_that_is_not_a_boolean():
    with pytest.raises(ValueError, match="`squared_hinge` must be True or False. Received: squared_hinge=1"):
        Contrastive(squared_hinge=1)


@pytest.mark.parametrize(
    "labels, pairs, message",
    [
        (
            (4,),
            (4, 3, 5),
            r"`y_pred` must have the shape \(batch, 2, dim\). Received: y_pred.shape=\(4, 3, 5\)",
        ),
        ((4,), (4, 2), r"`y_pred` must have the shape .* Received: y_pred.shape=\(4, 2\)"),
        ((4, 2), (4, 2, 5), r"`y_true` must have the shape .* Received: y_true.shape=\(4, 2\)"),
    ],
)
def test_refuses_other_shapes(labels, pairs, message):
    with pytest.raises(ValueError, match=message):
        Contrastive()(np.zeros(labels), np.zeros(pairs))
