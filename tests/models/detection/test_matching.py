"""Matching of boxes against a loop."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.models.detection import matching
from tests.ops.test_boxes import iou_by_hand, random_boxes


def numpy_of(*tensors):
    return tuple(keras.ops.convert_to_numpy(tensor) for tensor in tensors)


@pytest.mark.parametrize("keep_best", [False, True])
def test_match_equals_a_loop(keep_best):
    truth, candidates = random_boxes(2, 4), random_boxes(2, 50, seed=1)
    valid = np.array([[True, True, True, False], [True, False, False, False]])
    index, positive, negative = numpy_of(
        *matching.match(
            matching.Truth(truth, None, valid), candidates, positive=0.5, negative=0.3, keep_best=keep_best
        )
    )
    for image in range(2):
        overlaps = np.array(
            [[iou_by_hand(a, b) for b in candidates[image]] for a in truth[image][valid[image]]]
        )
        best = overlaps.max(axis=0)
        expected = best >= 0.5
        if keep_best:
            expected |= (overlaps == overlaps.max(axis=1, keepdims=True)).any(axis=0)
        np.testing.assert_array_equal(positive[image], expected)
        np.testing.assert_array_equal(negative[image], (best < 0.3) & ~expected)
        np.testing.assert_array_equal(index[image][expected], overlaps.argmax(axis=0)[expected])


def test_no_objects_make_every_candidate_background():
    candidates = random_boxes(1, 9)
    _, positive, negative = numpy_of(
        *matching.match(
            matching.Truth(np.zeros((1, 3, 4), "float32"), None, np.zeros((1, 3), bool)),
            candidates,
            positive=0.7,
            negative=0.3,
            keep_best=True,
        )
    )
    assert not positive.any() and negative.all()


def test_padding_and_empty_boxes_are_not_valid():
    y = {
        "boxes": np.array([[[0, 0, 4, 4], [0, 0, 4, 4], [3, 3, 3, 9]]], "float64"),
        "classes": np.array([[1, -1, 0]], "int64"),
    }
    truth = matching.truth_of(y)
    assert numpy_of(truth.valid)[0].tolist() == [[True, False, False]]
    assert [str(keras.backend.standardize_dtype(each.dtype)) for each in truth] == [
        "float32",
        "int32",
        "bool",
    ]
