"""Box arithmetic against loops, Keras' conversions, and examples by hand."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.ops import boxes as box_ops
from keras_cnn_zoo.utils.autodiff import value_and_gradients


def random_boxes(*shape, seed=0, size=100.0):
    corners = np.random.default_rng(seed).uniform(0, size, (*shape, 2, 2))
    corners.sort(axis=-2)
    return corners.reshape(*shape, 4).astype("float32")


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("name", box_ops.FORMATS)
def test_conversions_equal_keras(name):
    boxes = random_boxes(3, 5)
    theirs = keras.utils.bounding_boxes.convert_format(boxes, "xyxy", name, height=50, width=80)
    ours = box_ops.from_xyxy(boxes, name, (50, 80))
    np.testing.assert_allclose(numpy_of(ours), numpy_of(theirs), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(numpy_of(box_ops.to_xyxy(ours, name, (50, 80))), boxes, rtol=1e-5, atol=1e-4)


def test_relative_boxes_stay_relative_without_a_size():
    boxes = random_boxes(4, size=1.0)
    np.testing.assert_array_equal(numpy_of(box_ops.to_xyxy(boxes, "rel_xyxy")), boxes)


def iou_by_hand(one, other):
    width = max(0.0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    union = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1])
    union -= width * height
    return width * height / union if union > 0 else 0.0


def test_pairwise_iou_equals_the_loop():
    one, other = random_boxes(2, 4), random_boxes(2, 6, seed=1)
    expected = [[[iou_by_hand(a, b) for b in other[batch]] for a in one[batch]] for batch in range(2)]
    np.testing.assert_allclose(numpy_of(box_ops.pairwise_iou(one, other)), expected, rtol=1e-5)


def test_iou_of_empty_boxes_is_zero_with_a_finite_gradient():
    boxes = np.zeros((2, 4), "float32")
    value, (gradient,), _ = value_and_gradients(
        lambda x: keras.ops.sum(box_ops.pairwise_iou(x, boxes)), [boxes]
    )
    assert float(value) == 0 and np.isfinite(numpy_of(gradient)).all()


@pytest.mark.parametrize("weights", [(1.0, 1.0, 1.0, 1.0), (10.0, 10.0, 5.0, 5.0)])
def test_decode_inverts_encode(weights):
    boxes, anchors = random_boxes(3, 7), random_boxes(3, 7, seed=1)
    anchors[..., 2:] += 5  # no box is so thin that clipping the logarithm matters
    deltas = box_ops.encode(boxes, anchors, weights)
    np.testing.assert_allclose(
        numpy_of(box_ops.decode(deltas, anchors, weights)), boxes, rtol=1e-3, atol=1e-3
    )


def test_deltas_by_hand():
    deltas = numpy_of(box_ops.encode(np.array([[10.0, 0, 30, 40]]), np.array([[0.0, 0, 10, 20]])))
    np.testing.assert_allclose(deltas, [[1.5, 0.5, np.log(2), np.log(2)]], rtol=1e-6)


def test_padding_has_deltas_of_zero_and_no_gradient():
    empty, anchors = np.zeros((1, 4), "float32"), np.array([[5.0, 5, 25, 45]], "float32")
    for boxes, from_anchors in ((empty, anchors), (anchors, empty), (empty, empty)):
        deltas, (gradient,), _ = value_and_gradients(
            lambda x, from_anchors=from_anchors: keras.ops.sum(box_ops.encode(x, from_anchors)), [boxes]
        )
        assert float(deltas) == 0
        np.testing.assert_array_equal(numpy_of(gradient), 0)


def test_log_sizes_are_clipped():
    boxes = numpy_of(box_ops.decode(np.array([[0.0, 0, 1e4, 50]]), np.array([[0.0, 0, 16, 16]])))
    width = 16 * np.exp(4.135)
    np.testing.assert_allclose(boxes, [[8 - width / 2, 8 - width / 2, 8 + width / 2, 8 + width / 2]])


def test_clip_keeps_boxes_inside_the_image():
    boxes = box_ops.clip(np.array([[-5.0, 2, 200, 3], [150, 60, 160, 70]]), 50.0, 100.0)
    np.testing.assert_array_equal(numpy_of(boxes), [[0, 2, 100, 3], [100, 50, 100, 50]])


@pytest.mark.parametrize("tail", [(), (4,), (2, 3)])
@pytest.mark.parametrize("places", [(5,), (2, 3)])
def test_take_rows_gathers_per_image(tail, places):
    rng = np.random.default_rng(0)
    values = rng.normal(size=(3, 7, *tail)).astype("float32")
    indices = rng.integers(0, 7, size=(3, *places))
    taken = numpy_of(box_ops.take_rows(values, indices))
    np.testing.assert_array_equal(taken, np.stack([values[b][indices[b]] for b in range(3)]))


@pytest.mark.parametrize("place", range(4))
def test_nan_in_a_box_gives_nan(place):
    boxes, others = random_boxes(1, 3), random_boxes(1, 2, seed=1)
    boxes[0, 1, place] = np.nan
    for one, other, taken in ((boxes, others, (0, 1)), (others, boxes, (0, slice(None), 1))):
        overlap = numpy_of(box_ops.pairwise_iou(one, other))
        assert np.isnan(overlap[taken]).all() and np.isnan(overlap).sum() == 2
    anchors = random_boxes(1, 3, seed=2)
    for deltas in (box_ops.encode(boxes, anchors), box_ops.encode(anchors, boxes)):
        assert np.isnan(numpy_of(deltas)[0, 1]).any()
        assert np.isfinite(numpy_of(deltas)[0, [0, 2]]).all()


@pytest.mark.parametrize("place", range(4))
def test_nan_in_deltas_gives_nan(place):
    deltas = np.zeros((2, 4), "float32")
    deltas[1, place] = np.nan
    boxes = numpy_of(box_ops.decode(deltas, np.array([[0.0, 0, 16, 16]] * 2, "float32")))
    assert np.isfinite(boxes[0]).all() and np.isnan(boxes[1]).sum() == 2


def test_limits_keep_nan():
    values, limit = np.array([1.0, np.nan, 3.0], "float32"), np.full(3, 2.0, "float32")
    np.testing.assert_array_equal(numpy_of(box_ops.at_most(values, limit)), [1, np.nan, 2])
    np.testing.assert_array_equal(numpy_of(box_ops.at_least(values, limit)), [2, np.nan, 3])
