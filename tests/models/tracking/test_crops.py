import numpy as np
import pytest

from keras_cnn_zoo.models.tracking.crops import crop


def picture(height=20, width=30, channels=3):
    return np.random.default_rng(0).integers(0, 256, size=(height, width, channels)).astype("uint8")


def naive(image, window, size, fill):
    """Interpolates bilinearly, position by position."""
    top, left, height, width = window
    result = np.empty((size, size, image.shape[2]))
    for row, column in np.ndindex(size, size):
        y = top + (row + 0.5) * height / size - 0.5
        x = left + (column + 0.5) * width / size - 0.5
        if not (-0.5 <= y <= image.shape[0] - 0.5 and -0.5 <= x <= image.shape[1] - 0.5):
            result[row, column] = fill
            continue
        value = 0
        for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
            weight = abs(1 - i - (y - np.floor(y))) * abs(1 - j - (x - np.floor(x)))
            inside = image[
                int(np.clip(np.floor(y) + i, 0, image.shape[0] - 1)),
                int(np.clip(np.floor(x) + j, 0, image.shape[1] - 1)),
            ]
            value = value + weight * inside
        result[row, column] = value
    return result


@pytest.mark.parametrize(
    "window",
    [(2, 3, 12, 12), (0.4, 5.7, 9.3, 14.2), (-6.5, -3, 17, 15), (10, 20, 25, 25), (60, 5, 12, 12)],
)
def test_equals_bilinear_interpolation_by_loops(window):
    fill = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(
        crop(picture(), window, 13, fill), naive(picture(), window, 13, fill), atol=1e-3
    )


def test_a_window_of_the_output_size_is_a_copy():
    np.testing.assert_array_equal(crop(picture(), (4, 7, 9, 9), 9, 0), picture()[4:13, 7:16])


def test_large_windows_are_averaged():
    image = picture(48, 48)
    blocks = image.reshape(12, 4, 12, 4, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(crop(image, (0, 0, 48, 48), 12, 0), blocks, atol=1e-3)
    board = (np.indices((64, 64)).sum(0) % 2 * 255)[..., None].astype("uint8")
    np.testing.assert_allclose(crop(board, (1, 1, 60, 60), 15, 0), 127.5, atol=1)


def test_large_windows_beyond_the_image_are_filled():
    result = crop(np.full((30, 30, 1), 200, "uint8"), (-30, -30, 90, 90), 9, 50)
    expected = np.full((9, 9, 1), 50.0)
    expected[3:6, 3:6] = 200
    np.testing.assert_allclose(result, expected, atol=1e-3)
    assert (crop(np.full((31, 29, 1), 200, "uint8"), (100, 100, 90, 90), 9, 50) == 50).all()
