"""Frames of predicted boxes on pictures."""

import numpy as np
import pytest

pytest.importorskip("PIL")

from keras_cnn_zoo.drawing.boxes import boxed, color_of


def frame_width(size, box):
    """Returns the width of a frame in pixels, along a row through the middle of the box."""
    picture = np.asarray(boxed(np.zeros((*size, 3), "uint8"), [box], [""], [0]))
    factor = picture.shape[0] // size[0]
    left, top, right, bottom = (round(edge * factor) for edge in box)
    row = picture[(top + bottom) // 2, left : (left + right) // 2]
    return int((row == color_of(0)).all(axis=-1).sum())


@pytest.mark.parametrize(
    ("size", "box", "width"),
    [
        ((480, 640), (100, 100, 300, 300), 2),
        ((1200, 1600), (100, 100, 900, 900), 6),
        ((1200, 1600), (100, 100, 136, 150), 3),
        ((1200, 1600), (100, 100, 108, 108), 1),
    ],
)
def test_a_frame_does_not_cover_its_object(size, box, width):
    assert frame_width(size, box) == width
