"""Matching, drawing and the losses of detectors against loops and by hand."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.models.detection import targets
from tests.ops.test_boxes import iou_by_hand, random_boxes


def numpy_of(*tensors):
    return tuple(keras.ops.convert_to_numpy(tensor) for tensor in tensors)


@pytest.mark.parametrize("keep_best", [False, True])
def test_match_is_that_of_a_loop(keep_best):
    truth, candidates = random_boxes(2, 4), random_boxes(2, 50, seed=1)
    valid = np.array([[True, True, True, False], [True, False, False, False]])
    index, positive, negative = numpy_of(
        *targets.match(truth, valid, candidates, positive=0.5, negative=0.3, keep_best=keep_best)
    )
    for picture in range(2):
        overlaps = np.array(
            [[iou_by_hand(a, b) for b in candidates[picture]] for a in truth[picture][valid[picture]]]
        )
        best = overlaps.max(axis=0)
        expected = best >= 0.5
        if keep_best:
            expected |= (overlaps == overlaps.max(axis=1, keepdims=True)).any(axis=0)
        np.testing.assert_array_equal(positive[picture], expected)
        np.testing.assert_array_equal(negative[picture], (best < 0.3) & ~expected)
        np.testing.assert_array_equal(index[picture][expected], overlaps.argmax(axis=0)[expected])


def test_no_objects_make_every_candidate_background():
    candidates = random_boxes(1, 9)
    _, positive, negative = numpy_of(
        *targets.match(
            np.zeros((1, 3, 4), "float32"),
            np.zeros((1, 3), bool),
            candidates,
            positive=0.7,
            negative=0.3,
            keep_best=True,
        )
    )
    assert not positive.any() and negative.all()


@pytest.mark.parametrize("objects", [0, 3, 40])
def test_draw_takes_the_wanted_numbers_with_the_largest_keys(objects):
    rng = np.random.default_rng(0)
    keys = keras.ops.convert_to_tensor(rng.permutation(100)[None] / 100, dtype="float32")
    positive = (np.arange(100) < objects)[None]
    one, other = numpy_of(*targets.draw(positive, ~positive, keys, total=32, max_positive=16))
    assert one.sum() == min(objects, 16) and one.sum() + other.sum() == 32
    assert not (one & other).any() and not (one & ~positive).any()
    drawn = keras.ops.convert_to_numpy(keys)[one]
    left = keras.ops.convert_to_numpy(keys)[positive & ~one]
    assert not len(drawn) or not len(left) or drawn.min() > left.max()


def test_draw_with_too_few_candidates_takes_all():
    keys = keras.ops.convert_to_tensor(np.linspace(0.1, 0.9, 5)[None], dtype="float32")
    positive = np.array([[True, False, False, False, False]])
    negative = np.array([[False, True, True, False, False]])
    one, other = numpy_of(*targets.draw(positive, negative, keys, total=32, max_positive=16))
    np.testing.assert_array_equal(one, positive)
    np.testing.assert_array_equal(other, negative)
    places, drawn = numpy_of(*targets.take_drawn(one, other, keys, 4))
    assert set(places[0][drawn[0]]) == {0, 1, 2} and drawn.sum() == 3


def test_draws_are_even():
    positive = np.ones((1, 20), bool)
    counts = np.zeros(20)
    for seed in range(200):
        keys = keras.random.uniform((1, 20), seed=seed)
        counts += numpy_of(*targets.draw(positive, ~positive, keys, total=10, max_positive=5))[0][0]
    assert counts.sum() == 1000 and counts.min() > 25 and counts.max() < 75  # 50 each, deviation 6


def test_crossentropies_are_those_of_keras():
    rng = np.random.default_rng(0)
    logits, classes = rng.normal(size=(3, 5, 4)).astype("float32"), rng.integers(0, 4, (3, 5))
    theirs = keras.ops.sparse_categorical_crossentropy(classes, logits, from_logits=True)
    np.testing.assert_allclose(*numpy_of(targets.crossentropy(classes, logits), theirs), rtol=1e-5)
    labels = rng.integers(0, 2, (3, 5, 4)).astype("float32")
    theirs = keras.ops.binary_crossentropy(labels, logits, from_logits=True)
    np.testing.assert_allclose(
        *numpy_of(targets.binary_crossentropy(labels, logits), theirs), rtol=1e-4, atol=1e-6
    )
    focal = targets.focal_crossentropy(labels, logits, alpha=0.3, gamma=2.0)
    loss = keras.losses.BinaryFocalCrossentropy(
        apply_class_balancing=True, alpha=0.3, gamma=2.0, from_logits=True, axis=-1, reduction="none"
    )
    np.testing.assert_allclose(
        *numpy_of(keras.ops.mean(focal, axis=-1), loss(labels, logits)), rtol=1e-4, atol=1e-6
    )


def test_losses_are_finite_for_huge_logits():
    for value in (1e4, -1e4):
        logits = np.full((1, 2, 3), value, "float32")
        for loss in (
            targets.binary_crossentropy(np.ones_like(logits), logits),
            targets.focal_crossentropy(np.ones_like(logits), logits, alpha=0.25, gamma=1.5),
        ):
            assert np.isfinite(keras.ops.convert_to_numpy(loss)).all()


def test_smooth_l1_by_hand():
    values = targets.smooth_l1(np.array([[0.0, 0.05, 1.0, -2.0]], "float32"), 0.1)
    assert float(values[0]) == pytest.approx(0.0125 + 0.95 + 1.95, rel=1e-5)
