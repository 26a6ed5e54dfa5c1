import numpy as np
import pytest

from keras_cnn_zoo.drawing.sequences import boxed, strip

pytest.importorskip("PIL")


def test_boxes_are_drawn_where_they_are():
    frame = np.zeros((60, 120, 1), "uint8")
    image = np.asarray(boxed(frame, {"red": (30, 20, 40, 20), "white": [np.nan] * 4}))
    assert image.shape == (120, 240, 3)
    rows, columns = np.nonzero(image[..., 0] > 200)
    assert abs(columns.min() - 60) <= 1 and abs(columns.max() - 140) <= 1
    assert abs(rows.min() - 40) <= 1 and abs(rows.max() - 80) <= 1
    assert (image[..., 1] == 0).all()


def test_a_strip_holds_all_frames_in_order():
    images = [boxed(np.full((30, 60, 3), 20 * index, "uint8"), {}) for index in range(8)]
    sheet = np.asarray(strip(images, [str(index) for index in range(8)], columns=3))
    width, height = images[0].width + 4, images[0].height + 18
    assert sheet.shape == (3 * height, 3 * width, 3)
    for index in range(8):
        assert (sheet[index // 3 * height + 10, index % 3 * width + 10] == 20 * index).all()
