"""MulticlassHinge against loops over equation (16) and its two variants, and PyTorch's loss."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.losses import MulticlassHinge, multiclass_hinge
from keras_cnn_zoo.utils.autodiff import value_and_gradients
from tests.helpers import compiled


def reference(y_true, y_pred, p=1, formulation="one_vs_rest"):
    losses = []
    for label, scores in zip(np.asarray(y_true).ravel(), y_pred, strict=True):
        label = int(label)
        others = [j for j in range(len(scores)) if j != label]
        if formulation == "one_vs_rest":
            terms = [max(0.0, 1 - (1 if j == label else -1) * scores[j]) ** p for j in range(len(scores))]
            losses.append(sum(terms))
        else:
            terms = [max(0.0, 1 - (scores[label] - scores[j])) ** p for j in others]
            losses.append(sum(terms) if formulation == "weston_watkins" else max(terms))
    return np.array(losses)


SCORES = np.random.default_rng(0).normal(size=(6, 4)) * 1.5
LABELS = np.array([0, 3, 1, 1, 2, 0])

CASES = [
    dict(
        cls=MulticlassHinge,
        init_kwargs={"p": 1.3, "formulation": "weston_watkins"},
        y_true=LABELS,
        y_pred=SCORES,
        labels="classes",
        reference=reference,
    ),
    dict(
        cls=MulticlassHinge,
        init_kwargs={},
        y_true=LABELS,
        y_pred=SCORES,
        labels="classes",
        reference=reference,
    ),
    dict(
        cls=MulticlassHinge,
        init_kwargs={"p": 1.5, "formulation": "crammer_singer"},
        y_true=LABELS[:, None],
        y_pred=SCORES,
        labels="classes",
        reference=reference,
    ),
]


def losses(labels, scores, **arguments):
    return keras.ops.convert_to_numpy(
        multiclass_hinge(labels, np.asarray(scores, "float32"), **arguments)
    ).tolist()


@pytest.mark.parametrize(
    "formulation, p, expected",
    [
        ("one_vs_rest", 1, 0.5 + 1.25 + 0.0),
        ("one_vs_rest", 2, 0.25 + 1.5625),
        ("weston_watkins", 1, 0.75 + 0.0),
        ("weston_watkins", 2, 0.5625),
        ("crammer_singer", 1, 0.75),
    ],
)
def test_margins_by_hand(formulation, p, expected):
    scores = [[0.5, 0.25, -2.0]]  # the true class, another class inside the margin, and one beyond it
    assert losses([0], scores, p=p, formulation=formulation) == [pytest.approx(expected)]


@pytest.mark.parametrize("formulation", ["one_vs_rest", "weston_watkins", "crammer_singer"])
def test_beyond_the_margin_loss_and_gradient_are_zero(formulation):
    scores = np.array([[-2.0, 2.0, -1.5]], "float32")
    value, (gradient,), _ = value_and_gradients(
        lambda z: keras.ops.sum(multiclass_hinge(np.array([1]), z, 1.5, formulation)), [scores]
    )
    assert float(value) == 0.0
    assert not keras.ops.convert_to_numpy(gradient).any()


@pytest.mark.parametrize("p", [1, 2])
def test_weston_watkins_is_pytorchs_times_the_classes(p):
    torch = pytest.importorskip("torch")
    peer = torch.nn.MultiMarginLoss(p=p, reduction="none")
    expected = peer(torch.tensor(SCORES), torch.tensor(LABELS)).numpy() * SCORES.shape[1]
    np.testing.assert_allclose(losses(LABELS, SCORES, p=p, formulation="weston_watkins"), expected, rtol=1e-5)


def test_one_vs_rest_of_two_classes_is_the_sum_of_keras_hinges():
    signs = np.where(np.arange(4) == LABELS[:, None], 1.0, -1.0)
    expected = keras.ops.convert_to_numpy(keras.losses.hinge(signs, SCORES)) * 4
    np.testing.assert_allclose(losses(LABELS, SCORES), expected, rtol=1e-5)


def test_dense_prediction_equals_its_pixels():
    scores = np.random.default_rng(1).normal(size=(2, 3, 4, 5))
    labels = np.random.default_rng(2).integers(0, 5, (2, 3, 4))
    dense = np.array(losses(labels, scores))
    assert dense.shape == (2, 3, 4)
    np.testing.assert_allclose(dense.ravel(), losses(labels.ravel(), scores.reshape(-1, 5)), rtol=1e-6)
    np.testing.assert_array_equal(dense, losses(labels[..., None], scores))


def test_huge_scores_in_float16():
    scores = keras.ops.convert_to_tensor([[6e4, -6e4, 6e4]], dtype="float16")
    value = float(multiclass_hinge(np.array([1]), scores, p=2)[0])
    assert value == pytest.approx(3 * 60001.0**2, rel=1e-3)


@pytest.mark.parametrize("p", [0.5, 0, -1, "2", None, float("nan")])
def test_refuses_a_power_below_1(p):
    with pytest.raises(ValueError, match="`p` must be a finite number at least 1. Received: p="):
        MulticlassHinge(p)


def test_refuses_an_unknown_formulation():
    with pytest.raises(ValueError, match="`formulation` must be one of 'one_vs_rest', .* formulation='all'"):
        MulticlassHinge(formulation="all")


def test_refuses_one_hot_labels():
    with pytest.raises(
        ValueError, match=r"not a one-hot vector.* Received: y_true.shape=\(2, 3\), y_pred.shape=\(2, 3\)"
    ):
        MulticlassHinge()(np.eye(3)[:2], np.zeros((2, 3)))


@pytest.mark.parametrize("places", [[0], [1], [0, 1, 2]])
@pytest.mark.parametrize("formulation", ["one_vs_rest", "weston_watkins", "crammer_singer"])
def test_nan_stays_nan_when_compiled(formulation, places):
    scores = np.array([[3.0, 0.5, -1.0], [0.5, 0.2, 0.1]], "float32")
    scores[0, places] = np.nan
    function = compiled(lambda z: multiclass_hinge(np.array([0, 1]), z, 1.5, formulation))
    found = keras.ops.convert_to_numpy(function(keras.ops.convert_to_tensor(scores)))
    np.testing.assert_array_equal(np.isnan(found), [True, False])
