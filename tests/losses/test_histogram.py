"""Histogram against a loop over the paper's equations, and against PyTorch Metric Learning."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.losses import Histogram, histogram
from keras_cnn_zoo.utils.autodiff import value_and_gradients


def cosine(first, second):
    dot, lengths = 0.0, [0.0, 0.0]
    for a, b in zip(first, second, strict=True):
        dot, lengths = dot + a * b, [lengths[0] + a * a, lengths[1] + b * b]
    return dot / (lengths[0] * lengths[1]) ** 0.5 if all(lengths) else 0.0


def density(similarities, nodes, step):
    """Equations (1) and (2): each node gets a linear share of the similarities within one step of it."""
    return [
        sum(max(1 - abs(s - node) / step, 0.0) for s in similarities) / len(similarities) for node in nodes
    ]


def reference(y_true, y_pred, num_bins=200):
    labels = np.asarray(y_true).ravel()
    pairs = {True: [], False: []}
    for i in range(len(labels)):
        for j in range(i):
            pairs[bool(labels[i] == labels[j])].append(cosine(y_pred[i], y_pred[j]))
    if not pairs[True] or not pairs[False]:
        return np.zeros(len(labels))
    step = 2 / num_bins
    nodes = [-1 + r * step for r in range(num_bins + 1)]
    matching, others = density(pairs[True], nodes, step), density(pairs[False], nodes, step)
    loss = sum(others[r] * sum(matching[: r + 1]) for r in range(num_bins + 1))
    return np.full(len(labels), loss)


LABELS = np.array([4, 7, 4, 9, 7, 4, 9, 7, 9, 4])
EMBEDDINGS = np.random.default_rng(0).normal(size=(10, 4))

CASES = [
    dict(
        cls=Histogram,
        init_kwargs={"num_bins": 7},
        y_true=LABELS,
        y_pred=EMBEDDINGS,
        labels="ids",
        reference=reference,
    ),
    dict(
        cls=Histogram,
        init_kwargs={},
        y_true=LABELS[:, None],
        y_pred=EMBEDDINGS,
        labels="ids",
        reference=reference,
    ),
]


def losses(labels, embeddings, num_bins=200, dtype="float64"):
    embeddings = keras.ops.convert_to_tensor(embeddings, dtype=dtype)
    return keras.ops.convert_to_numpy(histogram(np.array(labels), embeddings, num_bins))


def differentiated(labels, embeddings, num_bins=20, dtype="float32"):
    value, (gradient,), _ = value_and_gradients(
        lambda x: keras.ops.sum(histogram(np.array(labels), x, num_bins)) / len(labels),
        [keras.ops.convert_to_tensor(embeddings, dtype=dtype)],
    )
    gradient = keras.ops.cast(gradient, "float32")
    return float(keras.ops.convert_to_numpy(value)), keras.ops.convert_to_numpy(gradient)


@pytest.mark.parametrize("batch, classes, dim", [(3, 2, 2), (8, 2, 1), (16, 4, 3), (30, 25, 8)])
@pytest.mark.parametrize("num_bins", [1, 2, 50])
def test_any_batch_equals_the_loop(batch, classes, dim, num_bins):
    rng = np.random.default_rng(batch)
    labels, embeddings = rng.integers(0, classes, batch), rng.normal(size=(batch, dim))
    expected = reference(labels, embeddings, num_bins)
    np.testing.assert_allclose(losses(labels, embeddings, num_bins), expected, atol=1e-9)


@pytest.mark.parametrize(
    "labels, expected",
    # Two directions: one per class, or both in each class.
    [([0, 0, 1, 1], 0.0), ([0, 1, 0, 1], 1.0)],
)
def test_by_hand(labels, expected):
    assert losses(labels, [[1.0, 0.0], [2.0, 0.0], [-1.0, 0.0], [-0.5, 0.0]]).mean() == pytest.approx(
        expected
    )


def test_with_many_bins_it_is_the_share_of_wrongly_ordered_pairs():
    rng = np.random.default_rng(0)
    labels, embeddings = rng.integers(0, 3, 24), rng.normal(size=(24, 3))
    similarities = {True: [], False: []}
    for i in range(24):
        for j in range(i):
            similarities[bool(labels[i] == labels[j])].append(cosine(embeddings[i], embeddings[j]))
    wrong = np.mean(np.array(similarities[True])[:, None] < np.array(similarities[False]))
    assert losses(labels, embeddings, 2000).mean() == pytest.approx(wrong, abs=2e-3)


@pytest.mark.parametrize("labels", [[0, 1, 2, 3], [5, 5, 5, 5], [3]])
def test_a_batch_without_both_kinds_of_pairs_has_no_loss_and_no_gradient(labels):
    value, gradient = differentiated(labels, np.random.default_rng(0).normal(size=(len(labels), 3)))
    assert value == 0 and not gradient.any()


def test_the_norms_of_embeddings_do_not_matter():
    lengths = 10.0 ** np.arange(-30, 30, 6)[:, None]
    np.testing.assert_allclose(
        losses(LABELS, EMBEDDINGS * lengths, dtype="float32"), reference(LABELS, EMBEDDINGS), atol=1e-4
    )
    _, gradient = differentiated(LABELS, EMBEDDINGS * lengths)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_huge_embeddings(dtype):
    value, gradient = differentiated(LABELS, EMBEDDINGS * 1e4, dtype=dtype)
    assert value == pytest.approx(reference(LABELS, EMBEDDINGS, 20).mean(), abs=0.01)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("embeddings", [np.ones((10, 4)), np.zeros((10, 4)), np.eye(10)])
def test_coincident_zero_and_orthogonal_embeddings(embeddings):
    value, gradient = differentiated(LABELS, embeddings)
    assert value == pytest.approx(reference(LABELS, embeddings, 20).mean(), abs=1e-5)
    assert np.isfinite(gradient).all()


def test_gradient_descent_orders_the_pairs():
    embeddings = EMBEDDINGS.astype("float32")
    before, _ = differentiated(LABELS, embeddings)
    for _ in range(40):
        value, gradient = differentiated(LABELS, embeddings)
        embeddings = embeddings - 5.0 * gradient
    assert before > 0.3 and value < 0.05


class TestAgainstPyTorchMetricLearning:
    # It indexes with a list, whose meaning PyTorch is about to change.
    @pytest.mark.filterwarnings("ignore:Using a non-tuple sequence:UserWarning")
    def test_value_and_gradient(self):
        pytest.importorskip("pytorch_metric_learning")
        import torch
        from pytorch_metric_learning.losses import HistogramLoss

        embeddings, labels = torch.tensor(EMBEDDINGS, requires_grad=True), torch.tensor(LABELS)
        expected = HistogramLoss(n_bins=50)(embeddings, labels)
        expected.backward()
        value, gradient = differentiated(LABELS, EMBEDDINGS, 50, "float64")
        assert value == pytest.approx(expected.item(), rel=1e-6)
        np.testing.assert_allclose(gradient, embeddings.grad.numpy(), atol=1e-6)


@pytest.mark.parametrize("num_bins", [0, -1, 2.5, None, "many", True])
def test_refuses_bins_that_are_not_a_positive_integer(num_bins):
    with pytest.raises(ValueError, match="`num_bins` must be a positive integer. Received: num_bins="):
        Histogram(num_bins=num_bins)
