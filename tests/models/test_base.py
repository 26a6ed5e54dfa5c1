import numpy as np
import pytest

from keras_cnn_zoo.models import LeNet5, UNet
from keras_cnn_zoo.models.base import scaled


@pytest.fixture(scope="module")
def grey():
    return LeNet5(2)


@pytest.fixture(scope="module")
def free():
    return UNet(2, width=0.05, depth=1)


def test_normalization_is_the_documented_formula(grey):
    picture = np.array([[0, 255], [127, 128]], dtype="uint8").repeat(14, 0).repeat(14, 1)
    batch = grey.preprocess(picture)
    assert batch.shape == (1, 28, 28, 1) and batch.dtype == "float32"
    np.testing.assert_allclose(batch[0, ..., 0], (picture - 127.5) / 127.5, atol=1e-6)


def test_color_becomes_gray_by_luma(grey):
    picture = np.zeros((28, 28, 3), "uint8")
    picture[..., 0], picture[..., 1], picture[..., 2] = 10, 100, 200
    expected = (0.299 * 10 + 0.587 * 100 + 0.114 * 200 - 127.5) / 127.5
    np.testing.assert_allclose(grey.preprocess(picture), expected, atol=1e-5)


def test_gray_becomes_color_and_alpha_is_dropped(free):
    assert free.preprocess(np.full((5, 6), 51, "uint8")).shape == (1, 5, 6, 3)
    rgba = np.full((5, 6, 4), 51, "uint8")
    np.testing.assert_allclose(free.preprocess(rgba), free.preprocess(rgba[..., :3]))


def test_images_of_any_size_are_resized_to_a_fixed_input(grey):
    batch = grey.preprocess([np.full((9, 40), 255, "uint8"), np.full((300, 28, 3), 255, "uint8")])
    assert batch.shape == (2, 28, 28, 1)
    np.testing.assert_allclose(batch, 1.0, atol=1e-5)


def test_resizing_is_antialiased(grey):
    # Without antialiasing, a fine checkerboard becomes black or white. With it, the mean is kept.
    board = (np.indices((280, 280)).sum(0) % 2 * 255).astype("uint8")
    np.testing.assert_allclose(grey.preprocess(board).mean(), 0.0, atol=0.02)


@pytest.mark.parametrize(
    "images, message",
    [
        ([], "at least one image"),
        (np.full((28, 28), np.nan), "must be finite"),
        (np.zeros((28, 28, 5, 1, 1)), "must be one image"),
        ([np.zeros((28, 28, 2))], "Each image must be"),
        ([np.zeros((0, 28))], "Each image must be"),
    ],
)
def test_bad_images_are_refused(grey, images, message):
    with pytest.raises(ValueError, match=message):
        grey.preprocess(images)


def test_a_network_of_any_size_needs_one_size_per_batch(free):
    with pytest.raises(ValueError, match="must have the same size"):
        free.preprocess([np.zeros((4, 4)), np.zeros((4, 5))])


def test_scaled_keeps_at_least_one_channel():
    assert [scaled(64, w) for w in (1.0, 0.5, 0.001)] == [64, 32, 1]
