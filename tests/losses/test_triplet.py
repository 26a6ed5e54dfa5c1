"""Triplet against loops over triplets, and against PyTorch Metric Learning."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.losses import Triplet, triplet
from tests.helpers import compiled
from tests.losses.distance_functions import city_blocks, squared
from tests.losses.triplet_loops import (
    EMBEDDINGS,
    EVERY,
    LABELS,
    MINING,
    differentiated,
    losses,
    nearest_of_each,
    reference,
    triplets,
    within_the_margin,
)

CASES = [
    *(
        dict(
            cls=Triplet,
            init_kwargs={"margin": 1.5, "mining": mining},
            y_true=LABELS,
            y_pred=EMBEDDINGS,
            labels="ids",
            reference=reference,
        )
        for mining in MINING
    ),
    dict(
        cls=Triplet,
        init_kwargs={"mining": None},
        y_true=np.zeros((6, 1)),
        y_pred=np.random.default_rng(1).normal(size=(6, 3, 4)),
        reference=reference,
    ),
    dict(
        cls=Triplet,
        init_kwargs={},
        y_true=LABELS[:, None],
        y_pred=EMBEDDINGS,
        labels="ids",
        reference=reference,
    ),
    *(
        dict(
            cls=Triplet,
            init_kwargs={"margin": margin, "mining": mining, "distance": distance},
            y_true=LABELS,
            # Exact in half precision, which would else change what is mined.
            y_pred=np.round(EMBEDDINGS * 8) / 8,
            labels="ids",
            reference=reference,
        )
        for margin, mining, distance in (
            ("soft", "hard", "euclidean"),
            ("soft", "all", "euclidean"),
            (0.7, "all", "euclidean"),
            (0.7, within_the_margin, city_blocks),
            ("soft", nearest_of_each, "squared"),
        )
    ),
]


@pytest.mark.parametrize("mining", MINING)
@pytest.mark.parametrize("batch, classes", [(2, 2), (3, 2), (9, 2), (16, 4), (33, 5), (40, 30)])
@pytest.mark.parametrize("margin", [1e-3, 1.0, 30.0])
def test_any_batch_equals_the_loop(mining, batch, classes, margin):
    rng = np.random.default_rng(batch)
    labels, embeddings = rng.integers(0, classes, batch), rng.normal(size=(batch, 3))
    expected = reference(labels, embeddings, margin, mining)
    np.testing.assert_allclose(losses(labels, embeddings, margin, mining), expected, atol=1e-9)


@pytest.mark.parametrize("mining", MINING)
def test_gradient_is_that_of_the_loop(mining):
    def moved(step):
        return reference(LABELS, EMBEDDINGS + step, 1.5, mining).mean()

    _, gradient = differentiated(LABELS, EMBEDDINGS, mining, 1.5, "float64")
    for place in np.ndindex(EMBEDDINGS.shape):
        step = np.zeros(EMBEDDINGS.shape)
        step[place] = 1e-6
        assert gradient[place] == pytest.approx((moved(step) - moved(-step)) / 2e-6, abs=1e-5)


@pytest.mark.parametrize(
    "mining, expected",
    # Distances: anchor 0 has its positive at 4 and the negative at 9; anchor 1 has them at 4 and 1.
    [("all", (0 + 5) / 2), ("semi_hard", (0 + 5) / 2), ("hard", (0 + 5) / 2)],
)
def test_by_hand(mining, expected):
    assert losses([7, 7, 8], [[0.0], [2.0], [3.0]], 2.0, mining).mean() == pytest.approx(expected)


def test_each_mining_selects_its_triplets():
    # From anchor 0 the positives are at 1 and 16, the negatives at 4 and 9; only class 0 has positives.
    labels, embeddings = [0, 0, 0, 1, 2], [[0.0], [1.0], [-4.0], [2.0], [3.0]]
    first = {mining: losses(labels, embeddings, 5.0, mining)[0] / 5 for mining in MINING}
    assert first["all"] * 12 == pytest.approx((1 - 4 + 5) + 0 + (16 - 4 + 5) + (16 - 9 + 5))
    assert first["semi_hard"] * 6 == pytest.approx((1 - 4 + 5) + (16 - 9 + 5))
    assert first["hard"] * 3 == pytest.approx(16 - 4 + 5)


@pytest.mark.parametrize("mining", MINING)
@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [5, 5, 5, 5], [3]])
def test_a_batch_without_triplets_has_no_loss_and_no_gradient(mining, labels):
    value, gradient = differentiated(labels, np.random.default_rng(0).normal(size=(len(labels), 3)), mining)
    assert value == 0 and not gradient.any()


@pytest.mark.parametrize("mining", MINING)
def test_coincident_embeddings_have_the_margin_as_loss_and_no_gradient(mining):
    value, gradient = differentiated(LABELS, np.ones((10, 3)), mining, 0.75)
    assert value == pytest.approx(0.75)
    np.testing.assert_array_equal(gradient, 0)


@pytest.mark.parametrize("mining", MINING)
def test_two_coincident_examples_of_different_classes(mining):
    embeddings = EMBEDDINGS.copy()
    embeddings[1] = embeddings[0]
    value, gradient = differentiated(LABELS, embeddings, mining)
    assert value == pytest.approx(reference(LABELS, embeddings, 1.0, mining).mean(), rel=1e-5)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("mining", MINING)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_huge_distances(mining, dtype):
    value, gradient = differentiated(LABELS, EMBEDDINGS * 1e4, mining, dtype=dtype)
    rounded = keras.ops.convert_to_tensor(EMBEDDINGS * 1e4, dtype=dtype)
    rounded = keras.ops.convert_to_numpy(keras.ops.cast(rounded, "float64"))
    assert value == pytest.approx(reference(LABELS, rounded, 1.0, mining).mean(), rel=1e-4)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("mining", MINING)
def test_an_offset_costs_no_precision(mining):
    embeddings = (EMBEDDINGS + 1000).astype("float32")
    expected = reference(LABELS, embeddings.astype("float64"), 1.0, mining)
    np.testing.assert_allclose(losses(LABELS, embeddings, 1.0, mining, "float32"), expected, atol=1e-4)


def test_a_negative_as_far_as_the_positive_does_not_count_as_farther():
    # Hash codes, because their distances are whole numbers that are often equal.
    codes = np.random.default_rng(0).integers(0, 2, (60, 12))
    labels = np.random.default_rng(1).integers(0, 6, 60)
    actual = losses(labels, codes, 1.0, "semi_hard", "float32")
    np.testing.assert_allclose(actual, reference(labels, codes, 1.0, "semi_hard"), rtol=1e-5)


def test_the_farthest_example_gets_its_whole_gradient_as_the_nearest_negative():
    _, gradient = differentiated([0, 0, 1], [[0.0], [0.1], [0.9]], "hard")
    assert gradient[2, 0] == pytest.approx(-(0.9 + 0.8) * 2 / 2)


def test_unknown_batch_size():
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("only TensorFlow traces with unknown sizes")
    signature = [tf.TensorSpec([None], "int32"), tf.TensorSpec([None, 4], "float32")]
    for mining, margin in ((mining, margin) for mining in EVERY for margin in (1.0, "soft")):
        loss = Triplet(margin, mining=mining, reduction=None)
        compiled = tf.function(lambda y, x, loss=loss: loss(y, x), input_signature=signature)
        for size in (10, 7):
            actual = compiled(LABELS[:size].astype("int32"), EMBEDDINGS[:size].astype("float32"))
            expected = reference(LABELS[:size], EMBEDDINGS[:size], margin, mining)
            np.testing.assert_allclose(actual, expected, atol=1e-5)


class TestAgainstPyTorchMetricLearning:
    def peer(self, reducer, miner=None, power=2, **arguments):
        pytest.importorskip("pytorch_metric_learning")
        import torch
        from pytorch_metric_learning import distances, losses, miners, reducers

        distance = distances.LpDistance(normalize_embeddings=False, power=power)
        arguments = {"margin": 1.0, "reducer": getattr(reducers, reducer)(), **arguments}
        loss = losses.TripletMarginLoss(distance=distance, **arguments)
        embeddings, labels = torch.tensor(EMBEDDINGS, requires_grad=True), torch.tensor(LABELS)
        mined = getattr(miners, miner)(distance=distance)(embeddings, labels) if miner else None
        value = loss(embeddings, labels, mined)
        value.backward()
        return value.item(), embeddings.grad.numpy()

    def test_all_triplets(self):
        value, gradient = differentiated(LABELS, EMBEDDINGS, "all", 1.0, "float64")
        expected, wanted = self.peer("MeanReducer")
        assert value == pytest.approx(expected, rel=1e-9)
        np.testing.assert_allclose(gradient, wanted, atol=1e-6)

    @pytest.mark.parametrize("mining, miner", [("all", None), ("hard", "BatchHardMiner")])
    @pytest.mark.parametrize("distance, power", [("squared", 2), ("euclidean", 1)])
    @pytest.mark.parametrize("margin", [1.0, "soft"])
    def test_euclidean_distance_and_soft_margin(self, mining, miner, distance, power, margin):
        value, gradient = differentiated(LABELS, EMBEDDINGS, mining, margin, "float64", distance)
        arguments = {"margin": 0.0, "smooth_loss": True} if margin == "soft" else {}
        expected, wanted = self.peer("MeanReducer", miner, power, **arguments)
        assert value == pytest.approx(expected, rel=1e-9)
        np.testing.assert_allclose(gradient, wanted, atol=1e-6)

    def test_its_default_reducer_divides_by_the_triplets_with_a_loss(self):
        distances = [[squared(one, other) for other in EMBEDDINGS] for one in EMBEDDINGS]
        found = list(triplets(LABELS.tolist(), distances, "all"))
        costly = sum(distances[a][p] - distances[a][n] + 1.0 > 0 for a, p, n in found)
        value = losses(LABELS, EMBEDDINGS).mean() * len(found) / costly
        assert value == pytest.approx(self.peer("AvgNonZeroReducer")[0], rel=1e-9)

    def test_hard(self):
        value, gradient = differentiated(LABELS, EMBEDDINGS, "hard", 1.0, "float64")
        expected, wanted = self.peer("MeanReducer", "BatchHardMiner")
        assert value == pytest.approx(expected, rel=1e-9)
        np.testing.assert_allclose(gradient, wanted, atol=1e-6)


@pytest.mark.parametrize("margin", [0, -1.0, "wide", None, float("inf")])
def test_refuses_a_margin_that_is_not_positive(margin):
    with pytest.raises(
        ValueError, match="`margin` must be a finite number above 0 or 'soft'. Received: margin="
    ):
        Triplet(margin)


def test_refuses_an_unknown_mining():
    with pytest.raises(
        ValueError, match="`mining` must be one of 'all', 'semi_hard', 'hard', None, or a function. Received"
    ):
        Triplet(mining="soft")


def test_refuses_an_unknown_distance():
    with pytest.raises(
        ValueError, match="`distance` must be one of 'squared', 'euclidean', or a function. R"
    ):
        Triplet(distance="cosine")


@pytest.mark.parametrize("shape", [(4, 5), (4, 2, 5)])
def test_refuses_other_shapes_for_given_triplets(shape):
    with pytest.raises(
        ValueError, match=r"`y_pred` must have the shape \(batch, 3, dim\). Received: y_pred.shape="
    ):
        Triplet(mining=None)(np.zeros(4), np.zeros(shape))


@pytest.mark.parametrize("examples", [[1], range(6)])
@pytest.mark.parametrize("mining", MINING)
def test_nan_stays_nan_when_compiled(mining, examples):
    labels, embeddings = np.array([0, 0, 0, 1, 1, 2]), np.arange(12.0, dtype="float32").reshape(6, 2)
    embeddings[list(examples)] = np.nan
    function = compiled(lambda x: triplet(labels, x, 1.0, mining))
    losses = keras.ops.convert_to_numpy(function(keras.ops.convert_to_tensor(embeddings)))
    assert np.isnan(losses[list(examples)]).all()
