"""Letterboxing of images and boxes, and its inverse."""

import numpy as np
import pytest

from keras_cnn_zoo.ops.host import letterbox


@pytest.mark.parametrize(
    "size, target, expected",
    [
        ((100, 100), (50, 80), (50, 50)),
        ((480, 640), (384, 512), (384, 512)),
        ((1, 1000), (64, 64), (1, 64)),
        ((10, 7), (64, 64), (64, 45)),
    ],
)
def test_content_fits_and_keeps_its_aspect_ratio(size, target, expected):
    assert letterbox.content_size(size, target) == expected


@pytest.mark.parametrize("size", [(480, 640), (333, 77), (5, 900), (64, 64)])
def test_boxes_out_inverts_boxes_in(size):
    rng = np.random.default_rng(0)
    corners = np.sort(rng.uniform(0, 1, (20, 2, 2)), axis=1).reshape(20, 4)
    boxes = corners * np.array([size[1], size[0]] * 2)
    inside = letterbox.boxes_in(boxes, size, (96, 128))
    assert (inside[:, [0, 2]] <= 128 + 1e-4).all() and (inside[:, [1, 3]] <= 96 + 1e-4).all()
    np.testing.assert_allclose(letterbox.boxes_out(inside, size, (96, 128)), boxes, rtol=1e-4, atol=1e-3)


def test_a_painted_box_is_at_its_converted_coordinates():
    picture = np.zeros((60, 100, 1), "float32")
    picture[20:40, 50:90] = 1
    inside = letterbox.letterbox(picture, (96, 96), 0.0)
    (box,) = letterbox.boxes_in([[50, 20, 90, 40]], (60, 100), (96, 96))
    rows, columns = np.nonzero(inside[..., 0] > 0.5)
    np.testing.assert_allclose([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], box, atol=1.0)


def test_boxes_are_clipped_to_the_original_image():
    found = letterbox.boxes_out([[0, 0, 128, 128]], (50, 100), (128, 128))
    np.testing.assert_allclose(found, [[0, 0, 100, 50]])


def test_no_boxes_stay_no_boxes():
    assert letterbox.boxes_in([], (5, 5), (8, 8)).shape == (0, 4)


def test_detections_without_area_in_the_image_are_dropped():
    outputs = {
        "boxes": np.array([[[0, 70, 10, 90], [0, 0, 10, 10], [1, 1, 1, 5]]], "float32"),
        "scores": np.array([[0.9, 0.8, 0.7]], "float32"),
        "classes": np.array([[0, 1, 0]]),
    }
    # The image fills the upper half, so the first box is in the padding.
    (found,) = letterbox.decode_detections(outputs, (100, 100), sizes=[(50, 100)])
    np.testing.assert_array_equal(found["classes"], [1])
    (raw,) = letterbox.decode_detections(outputs, (100, 100))
    np.testing.assert_array_equal(raw["classes"], [0, 1])
