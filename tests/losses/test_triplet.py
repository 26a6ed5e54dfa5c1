"""Triplet against loops over triplets, and against PyTorch Metric Learning."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.losses import Triplet, triplet
from keras_cnn_zoo.utils.autodiff import value_and_gradients
from tests.helpers import compiled
from tests.losses.distance_functions import LOOPS, city_blocks, euclidean, squared

MINING = ("all", "semi_hard", "hard")


def product(first, second):
    return -sum(a * b for a, b in zip(first, second, strict=True))


@keras.saving.register_keras_serializable(package="test_triplet")
class Similarity:
    """Negative product, so that some distances are negative."""

    def __init__(self, scale=1.0):
        self.scale = scale

    def __call__(self, first, second):
        return -self.scale * keras.ops.sum(first * second, axis=-1)

    def __repr__(self):
        return f"Similarity({self.scale})"

    def get_config(self):
        return {"scale": self.scale}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@keras.saving.register_keras_serializable(package="test_triplet")
def within_the_margin(labels, distances):
    """Chooses triplets whose negative is farther than the positive by less than 1.5, as booleans."""
    gaps = distances[:, None, :] - distances[:, :, None]
    return keras.ops.logical_and(gaps > 0, gaps < 1.5)


@keras.saving.register_keras_serializable(package="test_triplet")
def nearest_of_each(labels, distances):
    """Chooses the nearest positive and the nearest negative of each anchor, as positions."""
    same = keras.ops.equal(labels[:, None], labels[None, :])
    batch = keras.ops.shape(distances)[0]
    itself = keras.ops.cast(keras.ops.eye(batch), "bool")
    far = keras.ops.full_like(distances, 1e9)
    positive = keras.ops.argmin(
        keras.ops.where(keras.ops.logical_and(same, keras.ops.logical_not(itself)), distances, far), axis=-1
    )
    negative = keras.ops.argmin(keras.ops.where(same, far, distances), axis=-1)
    columns = [keras.ops.arange(batch), positive, negative]
    return keras.ops.stack([keras.ops.cast(column, "int32") for column in columns], axis=-1)


def distance_of(name):
    return product if isinstance(name, Similarity) else LOOPS[name]


def price(difference, margin):
    return np.log1p(np.exp(difference)) if margin == "soft" else max(difference + margin, 0.0)


def triplets(labels, distances, mining):
    """Returns (anchor, positive, negative) of the triplets that count."""
    batch = range(len(labels))
    for a in batch:
        positives = [p for p in batch if p != a and labels[p] == labels[a]]
        negatives = [n for n in batch if labels[n] != labels[a]]
        if not positives or not negatives:
            continue
        if mining is within_the_margin:
            gaps = {(p, n): distances[a][n] - distances[a][p] for p in positives for n in negatives}
            yield from ((a, p, n) for (p, n), gap in gaps.items() if 0 < gap < 1.5)
            continue
        if mining is nearest_of_each:
            nearest = [min(others, key=lambda i: distances[a][i]) for others in (positives, negatives)]
            yield a, *nearest
            continue
        if mining == "hard":
            yield (
                a,
                max(positives, key=lambda p: distances[a][p]),
                min(negatives, key=lambda n: distances[a][n]),
            )
            continue
        for p in positives:
            if mining == "all":
                yield from ((a, p, n) for n in negatives)
                continue
            farther = [n for n in negatives if distances[a][n] > distances[a][p]]
            nearest_or_last = (min, farther) if farther else (max, negatives)
            yield a, p, nearest_or_last[0](nearest_or_last[1], key=lambda n: distances[a][n])


def reference(y_true, y_pred, margin=1.0, mining="all", distance="squared"):
    between = distance_of(distance)
    if mining is None:
        return np.array([price(between(a, p) - between(a, n), margin) for a, p, n in y_pred])
    labels = np.asarray(y_true).ravel().tolist()
    distances = [[between(one, other) for other in y_pred] for one in y_pred]
    each, count = [0.0] * len(labels), 0
    for a, p, n in triplets(labels, distances, mining):
        each[a] += price(distances[a][p] - distances[a][n], margin)
        count += 1
    return np.array(each) * len(labels) / max(count, 1)


LABELS = np.array([4, 7, 4, 9, 7, 4, 2, 7, 9, 4])
EMBEDDINGS = np.random.default_rng(0).normal(size=(10, 4)) * 0.8

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
            y_pred=EMBEDDINGS,
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


def losses(labels, embeddings, margin=1.0, mining="all", dtype="float64", distance="squared"):
    embeddings = keras.ops.convert_to_tensor(embeddings, dtype=dtype)
    values = triplet(np.array(labels), embeddings, margin, mining, distance=distance)
    return keras.ops.convert_to_numpy(values)


def differentiated(labels, embeddings, mining="all", margin=1.0, dtype="float32", distance="squared"):
    value, (gradient,), _ = value_and_gradients(
        lambda x: (
            keras.ops.sum(triplet(np.array(labels), x, margin, mining, distance=distance)) / len(labels)
        ),
        [keras.ops.convert_to_tensor(embeddings, dtype=dtype)],
    )
    gradient = keras.ops.cast(gradient, "float32")
    return float(keras.ops.convert_to_numpy(value)), keras.ops.convert_to_numpy(gradient)


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


EVERY = (*MINING, within_the_margin, nearest_of_each)
OTHERS = ("euclidean", city_blocks, Similarity(0.5), Similarity(-2.0))


def loop(labels, embeddings, margin, mining, distance):
    """Returns the reference, for `Similarity` too, whose scale the reference does not know."""
    if not isinstance(distance, Similarity):
        return reference(labels, embeddings, margin, mining, distance)
    labels = np.asarray(labels).ravel().tolist()
    distances = [[distance.scale * product(one, other) for other in embeddings] for one in embeddings]
    each, count = [0.0] * len(labels), 0
    for a, p, n in triplets(labels, distances, mining):
        each[a] += price(distances[a][p] - distances[a][n], margin)
        count += 1
    return np.array(each) * len(labels) / max(count, 1)


@pytest.mark.parametrize(
    "distance", ["squared", *OTHERS], ids=lambda value: getattr(value, "__name__", str(value))
)
@pytest.mark.parametrize("mining", EVERY)
@pytest.mark.parametrize("margin", [0.3, "soft"])
def test_any_distance_and_margin_equals_the_loop(distance, mining, margin):
    rng = np.random.default_rng(3)
    for batch, classes in ((2, 2), (9, 2), (21, 5)):
        labels, embeddings = rng.integers(0, classes, batch), rng.normal(size=(batch, 3))
        found = losses(labels, embeddings, margin, mining, distance=distance)
        np.testing.assert_allclose(found, loop(labels, embeddings, margin, mining, distance), atol=1e-9)


@pytest.mark.parametrize(
    "distance",
    ["squared", "euclidean", Similarity(0.5)],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
@pytest.mark.parametrize("mining", EVERY)
@pytest.mark.parametrize("margin", [1.5, "soft"])
def test_its_gradient_is_that_of_the_loop(distance, mining, margin):
    def moved(step):
        return loop(LABELS, EMBEDDINGS + step, margin, mining, distance).mean()

    _, gradient = differentiated(LABELS, EMBEDDINGS, mining, margin, "float64", distance)
    for place in np.ndindex(EMBEDDINGS.shape):
        step = np.zeros(EMBEDDINGS.shape)
        step[place] = 1e-6
        assert gradient[place] == pytest.approx((moved(step) - moved(-step)) / 2e-6, abs=1e-5)


@pytest.mark.parametrize("margin", [0.5, "soft"])
@pytest.mark.parametrize("distance", list(LOOPS), ids=lambda value: getattr(value, "__name__", str(value)))
def test_given_triplets_with_any_distance_and_margin(margin, distance):
    given = np.random.default_rng(1).normal(size=(6, 3, 4))
    found = keras.ops.convert_to_numpy(
        triplet(None, keras.ops.convert_to_tensor(given), margin, None, distance=distance)
    )
    np.testing.assert_allclose(found, reference(None, given, margin, None, distance), rtol=1e-9)


@pytest.mark.parametrize("mining", EVERY)
@pytest.mark.parametrize("margin", [0.75, "soft"])
def test_the_euclidean_gradient_is_zero_between_coincident_embeddings(mining, margin):
    _, gradient = differentiated(LABELS, np.ones((10, 3)), mining, margin, distance="euclidean")
    np.testing.assert_array_equal(gradient, 0)
    embeddings = EMBEDDINGS.copy()
    embeddings[[1, 2]] = embeddings[0]
    value, gradient = differentiated(LABELS, embeddings, mining, margin, distance="euclidean")
    expected = reference(LABELS, embeddings, margin, mining, "euclidean").mean()
    assert value == pytest.approx(expected, rel=1e-4)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("mining", ["all", "hard"])
def test_a_soft_margin_neither_overflows_nor_vanishes(mining):
    # exp(100) is not a float32.
    labels, far = [0, 0, 1], [[0.0], [100.0], [1.0]]
    value, gradient = differentiated(labels, far, mining, "soft", distance="euclidean")
    assert value == pytest.approx((99 + np.log1p(np.e)) / 2, rel=1e-5)
    assert np.isfinite(gradient).all() and gradient.any()
    near = [[0.0], [0.0], [30.0]]
    assert losses(labels, near, "soft", mining, distance="euclidean")[0] * 2 / 3 == pytest.approx(
        np.exp(-30), rel=1e-6
    )


def test_soft_margins_of_all_triplets_need_no_cubic_memory():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the sizes are read from TensorFlow's graph")
    assert _largest_tensor("all", 24) == 24 * 24
    # The booleans of a function do need it.
    assert _largest_tensor(within_the_margin, 24) == 24**3


def _largest_tensor(mining, batch):
    """Returns the largest number of elements of a tensor in the graph of the loss and its gradient."""
    import tensorflow as tf

    embeddings = tf.Variable(np.random.default_rng(0).normal(size=(batch, 3)).astype("float32"))

    @tf.function
    def gradient():
        with tf.GradientTape() as tape:
            value = keras.ops.mean(triplet(np.arange(batch) % 4, embeddings, "soft", mining))
        return tape.gradient(value, embeddings)

    graph = gradient.get_concrete_function().graph
    # Bodies of loops are graphs of their own.
    inner = [graph._get_function(name) for name in graph._functions]
    graphs = [graph, *(function.graph for function in inner if hasattr(function, "graph"))]
    assert mining != "all" or len(graphs) > 1
    tensors = [
        tensor for part in graphs for operation in part.get_operations() for tensor in operation.outputs
    ]
    return max(tensor.shape.num_elements() or 0 for tensor in tensors if tensor.shape.rank is not None)


def test_chosen_triplets_of_the_wrong_classes_are_ignored():
    chosen = np.array([[0, 1, 2], [0, 0, 0], [0, 2, 1], [0, 0, 2], [1, 0, 2], [2, 2, 0]])
    found = losses([7, 7, 8], [[0.0], [2.0], [3.0]], 2.0, lambda labels, distances: chosen)
    np.testing.assert_allclose(found, np.array([0, 4 - 1 + 2, 0]) * 3 / 2)
    everything = losses(LABELS, EMBEDDINGS, 1.0, lambda labels, distances: np.ones((10, 10, 10), bool))
    np.testing.assert_allclose(everything, reference(LABELS, EMBEDDINGS), rtol=1e-9)
    nothing = losses(LABELS, EMBEDDINGS, 1.0, lambda labels, distances: np.zeros((5, 3), int))
    np.testing.assert_array_equal(nothing, 0)


def test_mining_sees_class_ids_and_the_distances_without_a_gradient():
    seen = []

    def spy(labels, distances):
        seen.extend([keras.ops.convert_to_numpy(labels), keras.ops.convert_to_numpy(distances)])
        return np.zeros((1, 3), int)

    losses(LABELS[:, None], EMBEDDINGS, 1.0, spy, distance="euclidean")
    np.testing.assert_array_equal(seen[0], LABELS)
    expected = [[euclidean(one, other) for other in EMBEDDINGS] for one in EMBEDDINGS]
    np.testing.assert_allclose(seen[1], expected, atol=1e-9)


@pytest.mark.parametrize("result", [np.zeros((4, 2), int), np.zeros((4, 3)), np.ones((10, 10), bool)])
def test_refuses_another_choice_of_triplets(result):
    with pytest.raises(
        ValueError, match=r"`mining` must return booleans \(batch, batch, batch\) or .* Recei"
    ):
        losses(LABELS, EMBEDDINGS, 1.0, lambda labels, distances: result)


@pytest.mark.parametrize("mining", ["all", None])
def test_refuses_another_result_of_a_distance(mining):
    embeddings = EMBEDDINGS if mining else EMBEDDINGS[:9].reshape(3, 3, 4)
    with pytest.raises(
        ValueError, match=r"`distance` must be a function from two tensors .* Received: a res"
    ):
        losses(LABELS, embeddings, 1.0, mining, distance=lambda first, second: first - second)


@pytest.mark.parametrize("loss", [Triplet("soft", mining=within_the_margin, distance=Similarity(0.5))])
def test_functions_are_saved_and_old_configs_load(tmp_path, loss):
    expected = float(loss(LABELS, EMBEDDINGS))
    for twin in (
        Triplet.from_config(loss.get_config()),
        keras.losses.deserialize(keras.losses.serialize(loss)),
    ):
        assert twin.mining is within_the_margin and twin.distance.scale == 0.5
        assert float(twin(LABELS, EMBEDDINGS)) == expected
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    model.compile("sgd", loss)
    model.save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").loss.get_config() == loss.get_config()
    # Written before the argument existed.
    old = {"name": "triplet", "reduction": "sum", "margin": 1.5, "mining": "hard", "dtype": "float32"}
    assert Triplet.from_config(old).distance == "squared"


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
