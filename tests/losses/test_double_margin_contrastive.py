"""DoubleMarginContrastive against a loop over equation (21), and its margins against a search."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.losses import (
    Contrastive,
    DoubleMarginContrastive,
    double_margin_contrastive,
    estimate_margins,
)
from keras_cnn_zoo.utils.autodiff import value_and_gradients
from tests.losses.distance_functions import LOOPS, city_blocks, name_of


def reference(y_true, y_pred, positive_margin, negative_margin, distance="squared"):
    losses = []
    for match, (first, second) in zip(np.asarray(y_true).ravel(), y_pred, strict=True):
        apart = LOOPS[distance](first, second)
        pull, push = max(apart - positive_margin, 0.0), max(negative_margin - apart, 0.0)
        losses.append(0.5 * (match * pull + (1 - match) * push))
    return np.array(losses)


PAIRS = np.random.default_rng(0).normal(size=(6, 2, 3)) * 0.7
MATCH = np.array([1, 0, 0, 1, 0, 1])

CASES = [
    dict(
        cls=DoubleMarginContrastive,
        init_kwargs={"positive_margin": 0.75, "negative_margin": 2.5},
        y_true=MATCH,
        y_pred=PAIRS,
        reference=reference,
    ),
    dict(
        cls=DoubleMarginContrastive,
        init_kwargs={"positive_margin": 1.5, "negative_margin": 1.5},
        y_true=MATCH[:, None],
        y_pred=PAIRS,
        reference=reference,
    ),
    *(
        dict(
            cls=DoubleMarginContrastive,
            init_kwargs={"positive_margin": 0.4, "negative_margin": 1.5, "distance": distance},
            y_true=MATCH,
            y_pred=PAIRS,
            reference=reference,
        )
        for distance in ("euclidean", city_blocks)
    ),
]


@pytest.mark.parametrize("distance", list(LOOPS), ids=name_of)
def test_any_distance_equals_the_loop(distance):
    found = double_margin_contrastive(MATCH, PAIRS, 0.6, 2.0, distance=distance)
    expected = reference(MATCH, PAIRS, 0.6, 2.0, distance)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(found), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("distance, power", [("squared", 2), ("euclidean", 1)])
def test_equals_pytorch_metric_learning(distance, power):
    torch = pytest.importorskip("torch")
    distances = pytest.importorskip("pytorch_metric_learning.distances")
    peers = pytest.importorskip("pytorch_metric_learning.losses")
    reducers = pytest.importorskip("pytorch_metric_learning.reducers")

    peer = peers.ContrastiveLoss(
        pos_margin=0.4,
        neg_margin=1.7,
        distance=distances.LpDistance(normalize_embeddings=False, power=power),
        reducer=reducers.MeanReducer(),
    )
    for match in (1, 0):
        # It takes pairs as indices of anchors and of matching or other examples.
        pairs, none = (torch.arange(6), torch.arange(6, 12)), (torch.tensor([], dtype=int),) * 2
        chosen = (*pairs, *none) if match else (*none, *pairs)
        embeddings = torch.tensor(np.concatenate([PAIRS[:, 0], PAIRS[:, 1]]))
        theirs = peer(embeddings, torch.arange(12), chosen).item()
        mine = double_margin_contrastive([match] * 6, PAIRS, 0.4, 1.7, distance=distance)
        assert np.mean(keras.ops.convert_to_numpy(mine)) == pytest.approx(theirs / 2, rel=1e-6)


def test_a_config_without_a_distance_loads_and_a_function_is_saved():
    old = {"name": "d", "reduction": "sum", "positive_margin": 0.5, "negative_margin": 1.5}
    assert DoubleMarginContrastive.from_config(old).distance == "squared"
    loss = DoubleMarginContrastive(0.5, 1.5, distance=city_blocks)
    assert keras.losses.deserialize(keras.losses.serialize(loss)).distance is city_blocks


def test_refuses_an_unknown_distance():
    with pytest.raises(
        ValueError, match="`distance` must be one of 'squared', 'euclidean', or a function. R"
    ):
        DoubleMarginContrastive(0.5, 1.5, distance=2)


def pair(distance, dtype="float32"):
    """Returns one pair at this Euclidean distance."""
    return keras.ops.convert_to_tensor([[[0.0, 0.0], [0.6 * distance, 0.8 * distance]]], dtype=dtype)


@pytest.mark.parametrize(
    "match, distance, expected",
    [(1, 3.0, 4.0), (1, 0.9, 0.0), (0, 1.0, 0.5), (0, 2.0, 0.0), (0.5, 1.2, 0.5 * (0.44 + 0.56) / 2)],
)
def test_by_hand_with_margins_1_and_2(match, distance, expected):
    value = double_margin_contrastive([match], pair(distance), 1.0, 2.0)
    assert float(value[0]) == pytest.approx(expected, abs=1e-6)


def test_without_a_positive_margin_it_is_contrastive():
    keras_zoo = Contrastive(margin=2.0, reduction=None)(MATCH, PAIRS)
    own = DoubleMarginContrastive(0, 2.0, reduction=None)(MATCH, PAIRS)
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(own), keras.ops.convert_to_numpy(keras_zoo), rtol=1e-6
    )


@pytest.mark.parametrize("match", [0, 1])
@pytest.mark.parametrize("distance", [0.0, 1e-30, 1e4, 1e25])
def test_values_and_gradients_at_zero_and_at_huge_distances(match, distance):
    value, (gradient,), _ = value_and_gradients(
        lambda x: keras.ops.sum(double_margin_contrastive(np.array([match]), x, 0.5, 1.0)), [pair(distance)]
    )
    assert np.isfinite(keras.ops.convert_to_numpy(gradient)).all()
    if match == 0:
        assert float(value) == pytest.approx(0.5 if distance < 1 else 0.0)
    elif distance < 1e20:  # above, the squared distance is not a float32
        assert float(value) == pytest.approx(max(distance**2 - 0.5, 0) / 2, rel=1e-5)


def test_distances_do_not_overflow_in_float16():
    value = double_margin_contrastive([1], pair(1000.0, "float16"), 1.0, 1.0)
    assert float(value[0]) == pytest.approx(5e5, rel=1e-3)


def test_pairs_between_their_margins_have_no_gradient():
    for match, distance in ((1, 0.6), (0, 1.6)):
        _, (gradient,), _ = value_and_gradients(
            lambda x, match=match: keras.ops.sum(double_margin_contrastive(np.array([match]), x, 0.5, 2.0)),
            [pair(distance)],
        )
        assert not keras.ops.convert_to_numpy(gradient).any()


@pytest.mark.parametrize("seed", range(5))
def test_no_other_margins_have_fewer_errors(seed):
    rng = np.random.default_rng(seed)
    labels = rng.permutation([1] * 30 + [0] * 170)
    distances = np.round(rng.gamma(np.where(labels == 1, 2.0, 5.0)), 1)  # with ties

    def error(margin):
        missed = np.mean(distances[labels == 1] > margin)
        return missed + np.mean(distances[labels == 0] <= margin)

    positive, negative = estimate_margins(distances, labels)
    assert positive == negative
    assert error(positive) == pytest.approx(min(error(m) for m in np.arange(0, 30, 0.05)))
    assert estimate_margins(distances[:, None], labels[:, None]) == (positive, negative)
    # The result does not depend on the ratio of the two kinds of pairs.
    many = np.concatenate([distances, np.tile(distances[labels == 0], 9)])
    assert estimate_margins(many, np.concatenate([labels, np.zeros(170 * 9)])) == (positive, negative)


@pytest.mark.parametrize(
    "distances, labels, expected",
    [([1.0, 2.0], [1, 0], 1.5), ([0.0, 0.0, 4.0], [1, 1, 0], 2.0), ([3.0, 3.0], [1, 0], 3.0)],
)
def test_margins_by_hand(distances, labels, expected):
    margins = estimate_margins(distances, labels)
    assert margins == (expected, expected)
    DoubleMarginContrastive(*margins)


@pytest.mark.parametrize(
    "distances, labels, message",
    [
        ([1.0, 2.0], [1, 1], r"`labels` must contain both 1.* Received: labels with the values \[1.0\]"),
        ([1.0, 2.0, 3.0], [1, 0, 2], r"nothing else. Received: labels with the values \[0.0, 1.0, 2.0\]"),
        ([], [], r"`labels` must contain both 1"),
        ([1.0, np.inf], [1, 0], "`distances` must be finite, .* Received: distances from 1.0 to inf"),
        ([-1.0, 2.0], [1, 0], "`distances` must be finite, at least 0"),
        ([0.0, 0.0], [1, 0], "not all 0. Received: distances from 0.0 to 0.0"),
        ([1.0], [1, 0], "the same length. Received: 1 distances and 2 labels"),
    ],
)
def test_refuses_distances_and_labels_without_margins(distances, labels, message):
    with pytest.raises(ValueError, match=message):
        estimate_margins(np.array(distances), np.array(labels))


def test_refuses_margins_outside_their_range():
    with pytest.raises(
        ValueError, match="`positive_margin` must be a finite number at least 0. Received: .*-1"
    ):
        DoubleMarginContrastive(-1, 1)
    with pytest.raises(ValueError, match="`negative_margin` must be a finite number above 0. Received: .*=0"):
        DoubleMarginContrastive(1, 0)
