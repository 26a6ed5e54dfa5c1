"""CoupledClusters against a loop over equation (23)."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.losses import CoupledClusters, coupled_clusters
from keras_cnn_zoo.utils.autodiff import value_and_gradients
from tests.losses.distance_functions import LOOPS, city_blocks, name_of


@keras.saving.register_keras_serializable(package="tests")
def dissimilarity(first, second):
    """A distance whose values are all negative."""
    return keras.ops.sum(keras.ops.abs(first - second), axis=-1) - 100.0


def reference(y_true, y_pred, margin=1.0, distance="squared"):
    between, losses = LOOPS[city_blocks if distance is dissimilarity else distance], []
    for labels, embeddings in zip(y_true, y_pred, strict=True):
        positives = [z for label, z in zip(labels, embeddings, strict=True) if label == 1]
        negatives = [z for label, z in zip(labels, embeddings, strict=True) if label == 0]
        if not positives or not negatives:
            losses.append(0.0)
            continue
        centre = [sum(values) / len(positives) for values in zip(*positives, strict=True)]
        nearest = min(between(z, centre) for z in negatives)
        hinges = [0.5 * max(between(z, centre) - nearest + margin, 0.0) for z in positives]
        losses.append(sum(hinges) / len(positives))
    return np.array(losses)


SETS = np.random.default_rng(0).normal(size=(5, 6, 3))
KINDS = np.array(
    [[1, 1, 1, 0, 0, 0], [1, 0, 1, 0, 1, 1], [1, 1, 0, 0, -1, -1], [1, 1, 1, 1, 1, 1], [1, -1, -1, -1, -1, 0]]
)

CASES = [
    dict(cls=CoupledClusters, init_kwargs={"margin": 2.5}, y_true=KINDS, y_pred=SETS, reference=reference),
    dict(cls=CoupledClusters, init_kwargs={}, y_true=KINDS, y_pred=SETS, reference=reference),
    *(
        dict(
            cls=CoupledClusters,
            init_kwargs={"margin": 0.6, "distance": distance},
            y_true=KINDS,
            y_pred=SETS,
            reference=reference,
        )
        for distance in ("euclidean", city_blocks)
    ),
]


def losses(kinds, sets, margin=1.0, distance="squared"):
    return keras.ops.convert_to_numpy(
        coupled_clusters(np.array(kinds), np.asarray(sets, "float32"), margin, distance=distance)
    ).tolist()


@pytest.mark.parametrize("distance", [*LOOPS, dissimilarity], ids=name_of)
@pytest.mark.parametrize("margin", [0.3, 2.0])
def test_any_distance_equals_the_loop(distance, margin):
    expected = reference(KINDS, SETS, margin, distance)
    np.testing.assert_allclose(losses(KINDS, SETS, margin, distance), expected, rtol=1e-4, atol=1e-5)


def test_the_euclidean_gradient_is_zero_at_the_center():
    value, (gradient,), _ = value_and_gradients(
        lambda z: keras.ops.sum(coupled_clusters(np.array([[1, 1, 0, 0]]), z, distance="euclidean")),
        [np.ones((1, 4, 3), "float32")],
    )
    assert float(value) == 0.5
    assert not keras.ops.convert_to_numpy(gradient).any()


def test_a_config_without_a_distance_loads_and_a_function_is_saved():
    assert CoupledClusters.from_config({"name": "c", "margin": 1.5}).distance == "squared"
    loss = CoupledClusters(distance=city_blocks)
    assert keras.losses.deserialize(keras.losses.serialize(loss)).distance is city_blocks


def test_refuses_an_unknown_distance():
    with pytest.raises(
        ValueError, match="`distance` must be one of 'squared', 'euclidean', or a function. R"
    ):
        CoupledClusters(distance="l2")


def test_by_hand():
    # Center 0; positives at squared distance 1, the nearest negative at 0.25, the other too far to matter.
    sets = [[[-1.0, 0.0], [1.0, 0.0], [0.0, 0.5], [0.0, 9.0]]]
    assert losses([[1, 1, 0, 0]], sets) == [pytest.approx((1 - 0.25 + 1) / 2)]
    assert losses([[1, 1, -1, 0]], sets) == [0.0]


def test_a_row_without_one_of_the_sets_has_no_loss_and_no_gradient():
    kinds = np.array([[1, 1, 1], [0, 0, 0], [-1, -1, -1], [1, 0, -1]])
    sets = np.random.default_rng(1).normal(size=(4, 3, 2)).astype("float32") * 0.1
    value, (gradient,), _ = value_and_gradients(lambda z: keras.ops.sum(coupled_clusters(kinds, z)), [sets])
    gradient = keras.ops.convert_to_numpy(gradient)
    assert not gradient[:3].any() and gradient[3, :2].any() and not gradient[3, 2].any()
    assert float(value) == pytest.approx(losses(kinds[3:], sets[3:])[0])


def test_the_farthest_embedding_gets_its_whole_gradient_as_the_nearest_negative():
    sets = np.array([[[0.0], [0.0], [0.5]]], "float32")
    _, (gradient,), _ = value_and_gradients(
        lambda z: keras.ops.sum(coupled_clusters(np.array([[1, 1, 0]]), z)), [sets]
    )
    np.testing.assert_allclose(keras.ops.convert_to_numpy(gradient).ravel(), [0.25, 0.25, -0.5])


def test_coincident_embeddings():
    value, (gradient,), _ = value_and_gradients(
        lambda z: keras.ops.sum(coupled_clusters(np.array([[1, 1, 0, 0]]), z)),
        [np.ones((1, 4, 3), "float32")],
    )
    assert float(value) == 0.5
    assert not keras.ops.convert_to_numpy(gradient).any()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_huge_distances(dtype):
    sets = keras.ops.convert_to_tensor(SETS * 1e4, dtype=dtype)
    value, (gradient,), _ = value_and_gradients(lambda z: keras.ops.sum(coupled_clusters(KINDS, z)), [sets])
    gradient = keras.ops.convert_to_numpy(keras.ops.cast(gradient, "float32"))
    assert np.isfinite(float(value)) and np.isfinite(gradient).all()
    assert float(value) == pytest.approx(reference(KINDS, SETS * 1e4).sum(), rel=0.03)


def test_an_offset_costs_no_precision():
    sets = (SETS + 1000).astype("float32")
    np.testing.assert_allclose(losses(KINDS, sets), reference(KINDS, sets.astype("float64")), rtol=1e-3)


@pytest.mark.parametrize("margin", [0, -1.0, "wide", None, float("inf")])
def test_refuses_a_margin_that_is_not_positive(margin):
    with pytest.raises(ValueError, match="`margin` must be a finite number above 0. Received: margin="):
        CoupledClusters(margin)


@pytest.mark.parametrize("kinds, sets", [((4,), (4, 3, 5)), ((4, 2), (4, 3, 5)), ((4, 3), (4, 3))])
def test_refuses_other_shapes(kinds, sets):
    with pytest.raises(
        ValueError, match=r"\(batch, set\), and `y_pred` \(batch, set, dim\). Received: y_true"
    ):
        coupled_clusters(np.zeros(kinds), np.zeros(sets))
