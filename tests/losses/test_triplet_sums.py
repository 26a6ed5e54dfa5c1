"""Triplet with other distances, the soft margin, and functions that mine, against loops over triplets."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.losses import Triplet, triplet
from tests.losses.distance_functions import LOOPS, euclidean, name_of
from tests.losses.triplet_loops import (
    EMBEDDINGS,
    EVERY,
    LABELS,
    OTHERS,
    Similarity,
    differentiated,
    loop,
    losses,
    reference,
    within_the_margin,
)


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
@pytest.mark.parametrize("distance", list(LOOPS), ids=name_of)
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
    # Bodies of loops are separate graphs.
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
