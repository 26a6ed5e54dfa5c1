"""The cross-entropy that ArcFace and CosFace share, with a margin for the true class."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.losses.margin_cross_entropy import margin_cross_entropy

RNG = np.random.default_rng(0)
COSINES = RNG.uniform(-0.9, 0.9, (6, 4)).astype("float32")
LABELS = np.array([0, 3, 1, 1, 2, 0])


def numbers(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor), "float64")


def test_without_a_margin_it_is_keras_cross_entropy_of_the_scaled_cosines():
    expected = keras.losses.sparse_categorical_crossentropy(LABELS, 10 * COSINES, from_logits=True)
    for labels in (LABELS, LABELS[:, None]):
        losses = margin_cross_entropy(labels, COSINES, 10.0, lambda cosine: cosine)
        np.testing.assert_allclose(numbers(losses), numbers(expected), rtol=1e-4, atol=1e-5)


def test_only_the_true_class_is_replaced():
    losses = numbers(
        margin_cross_entropy([1], np.array([[0.1, 0.9, 0.3]]), 1.0, lambda cosine: 0 * cosine - 2)
    )
    assert losses[0] == pytest.approx(np.log(np.exp(0.1) + np.exp(-2) + np.exp(0.3)) + 2, rel=1e-6)


def test_further_axes_give_further_losses():
    losses = margin_cross_entropy(LABELS.reshape(2, 3), COSINES.reshape(2, 3, 4), 5.0, lambda cosine: cosine)
    flat = margin_cross_entropy(LABELS, COSINES, 5.0, lambda cosine: cosine)
    np.testing.assert_allclose(numbers(losses).ravel(), numbers(flat), rtol=1e-6)


@pytest.mark.parametrize("labels, cosines", [((6, 4), (6, 4)), ((6,), (6,)), ((6, 2), (6, 4))])
def test_refuses_other_shapes(labels, cosines):
    with pytest.raises(
        ValueError, match="`y_true` must contain one class id, not a one-hot vector.* Received: y_true"
    ):
        margin_cross_entropy(np.zeros(labels), np.zeros(cosines), 1.0, lambda cosine: cosine)
