"""LDA against SciPy's generalized eigenvalues of scatter matrices, and its gradient in edge cases."""

import keras
import numpy as np
import pytest
import scipy.linalg

from keras_cnn_zoo.losses import LDA, lda
from keras_cnn_zoo.utils.autodiff import value_and_gradients


def covariance(rows):
    mean = sum(rows) / len(rows)
    return sum(np.outer(row - mean, row - mean) for row in rows) / (len(rows) - 1)


def reference(y_true, y_pred, epsilon=1.0, regularization=1e-3):
    labels, rows = np.asarray(y_true).ravel(), np.asarray(y_pred, "float64")
    classes = sorted(set(labels.tolist()))
    spread = [c for c in classes if (labels == c).sum() > 1]
    if len(classes) < 2 or not spread:
        return np.zeros(len(labels))
    within = sum(covariance(rows[labels == c]) for c in spread) / len(spread)
    between = covariance(rows) - within
    values = scipy.linalg.eigh(between, within + regularization * np.eye(rows.shape[1]), eigvals_only=True)
    values = values[-(len(classes) - 1) :]
    return np.full(len(labels), -np.mean(values[values <= values.min() + epsilon]))


def batch(size, classes, dim, spread=2.0, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(size) % classes
    return labels * 11, rng.normal(size=(classes, dim))[labels] * spread + rng.normal(size=(size, dim))


LABELS, EMBEDDINGS = batch(24, 3, 4)

CASES = [
    dict(
        cls=LDA,
        init_kwargs={"epsilon": 0.5, "regularization": 0.25},
        y_true=LABELS,
        y_pred=EMBEDDINGS,
        labels="ids",
        reference=reference,
    ),
    dict(
        cls=LDA, init_kwargs={}, y_true=LABELS[:, None], y_pred=EMBEDDINGS, labels="ids", reference=reference
    ),
]


def losses(labels, embeddings, dtype="float64", **arguments):
    embeddings = keras.ops.convert_to_tensor(embeddings, dtype=dtype)
    return keras.ops.convert_to_numpy(lda(np.array(labels), embeddings, **arguments))


def differentiated(labels, embeddings, dtype="float32", **arguments):
    value, (gradient,), _ = value_and_gradients(
        lambda x: keras.ops.sum(lda(np.array(labels), x, **arguments)) / len(labels),
        [keras.ops.convert_to_tensor(embeddings, dtype=dtype)],
    )
    gradient = keras.ops.cast(gradient, "float32")
    return float(keras.ops.convert_to_numpy(value)), keras.ops.convert_to_numpy(gradient)


@pytest.mark.parametrize("size, classes, dim", [(4, 2, 1), (30, 3, 5), (60, 10, 4), (9, 3, 20), (64, 8, 32)])
@pytest.mark.parametrize("epsilon", [0.0, 1.0, 1e6])
@pytest.mark.parametrize("regularization", [1e-3, 1.0])
def test_any_batch_equals_the_formula(size, classes, dim, epsilon, regularization):
    labels, embeddings = batch(size, classes, dim)
    arguments = {"epsilon": epsilon, "regularization": regularization}
    expected = reference(labels, embeddings, **arguments)
    np.testing.assert_allclose(losses(labels, embeddings, **arguments), expected, rtol=1e-7)


@pytest.mark.parametrize("size, classes, dim", [(30, 3, 5), (200, 10, 16)])
def test_float32_is_near(size, classes, dim):
    labels, embeddings = batch(size, classes, dim)
    np.testing.assert_allclose(
        losses(labels, embeddings, "float32"), reference(labels, embeddings), rtol=1e-4
    )


def test_by_hand():
    # Both classes have variance ½, the whole batch 10 / 3.
    value = losses([0, 0, 1, 1], [[-2.0], [-1.0], [1.0], [2.0]], regularization=0.5)
    np.testing.assert_allclose(value, -(10 / 3 - 0.5) / (0.5 + 0.5))


def test_epsilon_leaves_out_directions_that_separate_well():
    centres = np.array([[0.0, 0.0], [30.0, 0.0], [0.0, 3.0]])
    labels = np.arange(60) % 3
    embeddings = centres[labels] + np.random.default_rng(0).normal(size=(60, 2))
    worst, both = losses(labels, embeddings)[0], losses(labels, embeddings, epsilon=1e6)[0]
    assert -5 < worst < -0.5 and both < -50
    _, gradient = differentiated(labels, embeddings)
    assert np.abs(gradient[:, 1]).max() > 10 * np.abs(gradient[:, 0]).max()


def test_classes_of_one_example_and_unequal_sizes():
    labels = np.array([0, 0, 0, 0, 1, 1, 2, 3, 3, 3, 3, 3])
    embeddings = np.random.default_rng(0).normal(size=(12, 3))
    np.testing.assert_allclose(losses(labels, embeddings), reference(labels, embeddings), rtol=1e-8)


@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [5, 5, 5, 5], [3]])
def test_a_batch_without_two_classes_or_two_of_a_class_has_no_loss_and_no_gradient(labels):
    value, gradient = differentiated(labels, np.random.default_rng(0).normal(size=(len(labels), 3)))
    assert value == 0 and not gradient.any()


@pytest.mark.parametrize("seed", range(3))
def test_gradient_is_that_of_the_formula(seed):
    labels, embeddings = batch(12, 3, 3, seed=seed)
    _, gradient = differentiated(labels, embeddings, "float64", epsilon=0.7, regularization=0.1)
    for place in np.ndindex(embeddings.shape):
        step = np.zeros(embeddings.shape)
        step[place] = 1e-6
        moved = [reference(labels, embeddings + sign * step, 0.7, 0.1).mean() for sign in (1, -1)]
        assert gradient[place] == pytest.approx((moved[0] - moved[1]) / 2e-6, rel=1e-4, abs=1e-6)


def test_equal_eigenvalues_have_a_finite_gradient_that_is_symmetric():
    # Four classes at the corners of a tetrahedron, equally spread along the axes: three equal eigenvalues.
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * 2.0
    steps = np.concatenate([np.eye(3), -np.eye(3)])
    embeddings = (corners[:, None] + steps).reshape(-1, 3)
    labels = np.repeat(np.arange(4), 6)
    value, gradient = differentiated(labels, embeddings, "float64")
    assert value == pytest.approx(reference(labels, embeddings).mean(), rel=1e-9)
    # All three are chosen, so their mean has a derivative: along the corners, the same for every class.
    pushes = gradient.reshape(4, 6, 3).sum(1)
    np.testing.assert_allclose(pushes, corners * (pushes[0, 0] / 2), atol=1e-6)
    assert pushes[0, 0] < 0


@pytest.mark.parametrize("embeddings", [np.zeros((24, 4)), np.ones((24, 4)), np.eye(24, 4)])
def test_coincident_embeddings_have_a_finite_gradient(embeddings):
    value, gradient = differentiated(LABELS, embeddings)
    assert value == pytest.approx(reference(LABELS, embeddings).mean(), rel=1e-3, abs=1e-6)
    assert np.isfinite(gradient).all()


def test_collapsed_classes_are_bounded_by_the_regularization():
    embeddings = np.eye(3)[LABELS // 11]
    value, gradient = differentiated(LABELS, embeddings, regularization=0.01)
    assert value == pytest.approx(reference(LABELS, embeddings, regularization=0.01).mean(), rel=1e-4)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("scale", [1e-4, 1e4])
def test_huge_and_tiny_embeddings(dtype, scale):
    value, gradient = differentiated(LABELS, EMBEDDINGS * scale, dtype, regularization=1e-3 * scale**2)
    assert value == pytest.approx(reference(LABELS, EMBEDDINGS).mean(), rel=0.05)
    assert np.isfinite(gradient).all()


def test_embeddings_whose_squares_overflow_float32():
    for scale in (1e25, 1e-25):
        value, gradient = differentiated(LABELS, EMBEDDINGS * scale)
        assert np.isfinite(value) and np.isfinite(gradient).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_embeddings_that_are_not_finite_give_nan(bad):
    embeddings = EMBEDDINGS.copy()
    embeddings[0, 0] = bad
    assert np.isnan(losses(LABELS, embeddings, "float32")).all()


def test_fewer_examples_than_dimensions():
    labels, embeddings = batch(8, 2, 40)
    value, gradient = differentiated(labels, embeddings, regularization=0.1)
    assert value == pytest.approx(reference(labels, embeddings, regularization=0.1).mean(), rel=1e-3)
    assert np.isfinite(gradient).all()


def test_gradient_descent_separates_the_classes():
    labels, embeddings = batch(30, 3, 4, spread=0.3)
    embeddings = embeddings.astype("float32")
    before, _ = differentiated(labels, embeddings, regularization=0.1)
    for _ in range(20):
        after, gradient = differentiated(labels, embeddings, regularization=0.1)
        embeddings = embeddings - 1.0 * gradient
    assert before > -2 and after < 3 * before


@pytest.mark.parametrize("epsilon", [-1, "wide", None, float("inf")])
def test_refuses_a_negative_epsilon(epsilon):
    with pytest.raises(ValueError, match="`epsilon` must be a finite number at least 0. Received: epsilon="):
        LDA(epsilon=epsilon)


@pytest.mark.parametrize("regularization", [0, -1, "much", None])
def test_refuses_a_regularization_that_is_not_positive(regularization):
    with pytest.raises(ValueError, match="`regularization` must be a finite number above 0. Received: reg"):
        LDA(regularization=regularization)
