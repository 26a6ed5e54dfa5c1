"""Losses of boxes and classes by hand and against Keras."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.models.detection import loss_terms
from keras_cnn_zoo.ops import boxes as box_ops
from tests.ops.test_boxes import random_boxes


def numpy_of(*tensors):
    return tuple(keras.ops.convert_to_numpy(tensor) for tensor in tensors)


def test_focal_loss_equals_keras():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3, 5, 4)).astype("float32")
    labels = rng.integers(0, 2, (3, 5, 4)).astype("float32")
    focal = loss_terms.focal_crossentropy(labels, logits, alpha=0.3, gamma=2.0)
    loss = keras.losses.BinaryFocalCrossentropy(
        apply_class_balancing=True, alpha=0.3, gamma=2.0, from_logits=True, axis=-1, reduction="none"
    )
    np.testing.assert_allclose(
        *numpy_of(keras.ops.mean(focal, axis=-1), loss(labels, logits)), rtol=1e-4, atol=1e-6
    )


def test_focal_loss_at_extreme_logits():
    # For a positive with probability 0: the weight 0.25 times -log(sigmoid(-40)) = 40.
    for logit, expected in ((-40.0, 40.0), (-1e4, 1e4), (40.0, 0.0), (1e4, 0.0)):
        loss = loss_terms.focal_crossentropy(
            np.ones((1, 1), "float32"), np.full((1, 1), logit, "float32"), alpha=0.25, gamma=1.5
        )
        assert float(loss[0, 0]) == pytest.approx(0.25 * expected, abs=1e-6)


def test_keras_crossentropies_in_the_heads_do_not_clip():
    logits = np.array([[-40.0]], "float32")
    loss = keras.ops.binary_crossentropy(np.ones_like(logits), logits, from_logits=True)
    assert float(loss[0, 0]) == 40
    logits = np.array([[0.0, -40.0]], "float32")
    loss = keras.ops.sparse_categorical_crossentropy(np.array([1]), logits, from_logits=True)
    assert float(loss[0]) == 40


def test_smooth_l1_by_hand():
    values = loss_terms.smooth_l1(np.array([[0.0, 0.05, 1.0, -2.0]], "float32"), 0.1)
    assert float(values[0]) == pytest.approx(0.0125 + 0.95 + 1.95, rel=1e-5)


def test_exact_deltas_have_no_loss():
    boxes, anchors = random_boxes(2, 6), random_boxes(2, 6, seed=1)
    weights = (10.0, 10.0, 5.0, 5.0)
    deltas = box_ops.encode(boxes, anchors, weights)
    assert not numpy_of(loss_terms.delta_loss(deltas, boxes, anchors, weights))[0].any()
    loss = loss_terms.delta_loss(deltas + 1.0, boxes, anchors, weights)
    np.testing.assert_allclose(numpy_of(loss)[0], 4 * (1 - loss_terms.BETA / 2), rtol=1e-4)
