"""Contrastive against a loop over equation (20) and over Hadsell, Chopra and LeCun's loss."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.losses import Contrastive, contrastive
from keras_cnn_zoo.utils.autodiff import value_and_gradients
from tests.losses.distance_functions import LOOPS, city_blocks, name_of


def reference(y_true, y_pred, margin=1.0, squared_hinge=False, distance="squared"):
    losses = []
    for match, (first, second) in zip(np.asarray(y_true).ravel(), y_pred, strict=True):
        if squared_hinge:
            # Hadsell et al.: both terms are squares, of the Euclidean distance for both names.
            apart = LOOPS["euclidean" if distance == "squared" else distance](first, second)
            pull, push = apart**2, max(margin - apart, 0.0) ** 2
        else:
            pull = LOOPS[distance](first, second)
            push = max(margin - pull, 0.0)
        losses.append(0.5 * (match * pull + (1 - match) * push))
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
    *(
        dict(
            cls=Contrastive,
            init_kwargs={"margin": 1.3, "squared_hinge": squared_hinge, "distance": distance},
            y_true=MATCH,
            y_pred=PAIRS,
            reference=reference,
        )
        for squared_hinge, distance in ((False, "euclidean"), (True, "euclidean"), (True, city_blocks))
    ),
]


@pytest.mark.parametrize("distance", list(LOOPS), ids=name_of)
@pytest.mark.parametrize("squared_hinge", [False, True])
@pytest.mark.parametrize("margin", [0.5, 2.0])
def test_any_distance_equals_the_loop(distance, squared_hinge, margin):
    pairs = keras.ops.convert_to_tensor(PAIRS)
    found = contrastive(MATCH, pairs, margin, squared_hinge, distance=distance)
    expected = reference(MATCH, PAIRS, margin, squared_hinge, distance)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(found), expected, rtol=1e-6)


@pytest.mark.parametrize("distance, power", [("squared", 2), ("euclidean", 1)])
def test_equals_pytorch_metric_learning(distance, power):
    torch = pytest.importorskip("torch")
    distances = pytest.importorskip("pytorch_metric_learning.distances")
    peers = pytest.importorskip("pytorch_metric_learning.losses")
    reducers = pytest.importorskip("pytorch_metric_learning.reducers")

    peer = peers.ContrastiveLoss(
        pos_margin=0.0,
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
        mine = contrastive([match] * 6, PAIRS, 1.7, distance=distance)
        assert np.mean(keras.ops.convert_to_numpy(mine)) == pytest.approx(theirs / 2, rel=1e-6)


@pytest.mark.parametrize("match", [0, 1])
@pytest.mark.parametrize("squared_hinge", [False, True])
def test_the_euclidean_gradient_is_zero_at_one_point_and_nan_stays_nan(match, squared_hinge):
    def total(pairs):
        return keras.ops.sum(contrastive([match], pairs, 1.0, squared_hinge, distance="euclidean"))

    value, (gradient,), _ = value_and_gradients(total, [np.ones((1, 2, 3), "float32")])
    assert float(value) == (0.0 if match else 0.5)
    assert not keras.ops.convert_to_numpy(gradient).any()
    if match:  # the hinge is another matter
        assert np.isnan(float(total(np.full((1, 2, 3), np.nan, "float32"))))


def test_a_config_without_a_distance_loads_and_a_function_is_saved():
    old = {"name": "c", "reduction": "sum", "margin": 1.5, "squared_hinge": True, "dtype": "float32"}
    assert Contrastive.from_config(old).distance == "squared"
    loss = Contrastive(distance=city_blocks)
    assert keras.losses.deserialize(keras.losses.serialize(loss)).distance is city_blocks


def test_refuses_an_unknown_distance():
    with pytest.raises(
        ValueError, match="`distance` must be one of 'squared', 'euclidean', or a function. R"
    ):
        Contrastive(distance="cosine")


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
