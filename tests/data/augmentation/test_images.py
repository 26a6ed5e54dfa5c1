import keras
import numpy as np
import pytest

from keras_cnn_zoo.data.augmentation.images import Augmentation, elastic, random_crop


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).integers(0, 256, size=(4, 12, 10, 3)).astype("uint8")


def layers():
    return [
        keras.layers.RandomFlip("horizontal", data_format="channels_last"),
        keras.layers.RandomRotation(0.1, data_format="channels_last"),
        keras.layers.RandomBrightness(0.3, value_range=(0, 255), data_format="channels_last"),
    ]


def test_result_is_a_function_of_the_seed(pictures):
    one, other = Augmentation(layers()), Augmentation(layers())
    first = one(pictures, seed=(0, 1, 2))
    one(pictures, seed=(9,))
    np.testing.assert_array_equal(first, one(pictures, seed=(0, 1, 2)))
    np.testing.assert_array_equal(first, other(pictures, seed=(0, 1, 2)))
    assert not np.array_equal(first, one(pictures, seed=(0, 1, 3)))


def test_masks_move_with_their_images(pictures):
    # The mask is the image's coarse brightness, so it must match the flipped image too.
    flip = Augmentation([keras.layers.RandomFlip("horizontal", data_format="channels_last")])
    masks = (pictures[..., 0] // 32).astype("int32")
    moved, moved_masks = flip(pictures, masks, seed=(3,))
    np.testing.assert_array_equal(moved_masks, moved[..., 0].astype("int32") // 32)
    flipped = [not np.array_equal(a, b) for a, b in zip(moved, pictures.astype("float32"), strict=True)]
    assert any(flipped)


def test_pixels_without_an_image_are_ignored_in_the_mask(pictures):
    turn = Augmentation(
        [keras.layers.RandomRotation((0.12, 0.13), fill_mode="constant", data_format="channels_last")]
    )
    _, masks = turn(pictures, np.zeros((4, 12, 10), "int32"), seed=(0,), ignore_label=99)
    assert set(np.unique(masks)) == {0, 99}


def test_without_layers_nothing_changes(pictures):
    images, masks = Augmentation([])(pictures, pictures[..., 0], seed=(0,))
    np.testing.assert_array_equal(images, pictures.astype("float32"))
    np.testing.assert_array_equal(masks, pictures[..., 0])


def test_a_crop_at_scale_one_is_a_window_of_the_image(pictures):
    picture = pictures[0]
    mask = np.arange(120, dtype="uint8").reshape(12, 10)
    crop, part = random_crop(picture, mask, size=(5, 4), rng=np.random.default_rng(3))
    top, left = divmod(int(part[0, 0]), 10)
    np.testing.assert_array_equal(part, mask[top : top + 5, left : left + 4])
    np.testing.assert_array_equal(crop, picture[top : top + 5, left : left + 4])


def test_crops_reach_every_corner():
    mask = np.arange(120, dtype="uint8").reshape(12, 10)
    picture = np.zeros((12, 10, 1), "uint8")
    rng = np.random.default_rng(0)
    corners = {int(random_crop(picture, mask, size=(10, 8), rng=rng)[1][0, 0]) for _ in range(300)}
    assert corners == {row * 10 + column for row in range(3) for column in range(3)}


@pytest.mark.parametrize("size, scale", [((24, 24), (1.0, 1.0)), ((6, 6), (0.1, 0.2)), ((6, 6), (3.0, 9.0))])
def test_windows_stay_inside_for_every_size_and_scale(pictures, size, scale):
    crop = random_crop(pictures[0], size=size, scale=scale, rng=np.random.default_rng(0))
    assert crop.shape == (*size, 3) and crop.dtype == np.uint8


def test_gray_images_keep_their_channel(pictures):
    assert random_crop(pictures[0, :, :, :1], size=(4, 4), rng=np.random.default_rng(0)).shape == (4, 4, 1)


def ramp(height, width):
    """An image whose colors are the position of a pixel's center: (column, row, 0)."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([columns, rows, 0 * rows], axis=-1).astype("uint8")


def displacement(nodes, t):
    """The polynomial of second degree through the values at 0, 0.5, and 1."""
    return np.polyval(np.polyfit([0, 0.5, 1], nodes, 2), t)


def test_an_elastic_deformation_is_the_polynomial_through_nine_random_nodes():
    height, width, strength = 160, 240, 0.02
    bent = elastic(ramp(height, width), strength=strength, rng=np.random.default_rng(1))
    down, right = strength * np.random.default_rng(1).standard_normal((2, 3, 3))
    # On lines of the mesh, which has eight cells per axis, the map is exact; on the others bilinear.
    for row, column in ((40, 60), (80, 120), (100, 90), (120, 210)):
        v, u = row / height, column / width
        shift = [displacement([displacement(line, u) for line in nodes], v) for nodes in (right, down)]
        expected = np.array([(u + shift[0]) * width, (v + shift[1]) * height]) - 0.5
        # A corner of the mesh lies between four pixels. Pillow rounds down.
        found = bent[row - 1 : row + 1, column - 1 : column + 1, :2].astype(float).mean(axis=(0, 1)) + 0.5
        np.testing.assert_allclose(found, expected, atol=0.55)
    assert np.abs(bent.astype(int) - ramp(height, width)).max() > 3


def test_a_mask_is_bent_like_its_image_and_keeps_its_labels():
    picture = ramp(96, 128)
    mask = 1000 * (picture[..., 0] // 16).astype("int32")
    bent, moved = elastic(picture, mask, strength=0.03, rng=np.random.default_rng(0))
    assert moved.dtype == mask.dtype and set(np.unique(moved)) <= set(np.unique(mask))
    near = np.abs(bent[..., 0] % 16 - 7.5) < 6
    np.testing.assert_array_equal(moved[near], 1000 * (bent[..., 0][near] // 16).astype("int32"))
    assert not np.array_equal(moved, mask)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_each_channel_is_bent_alone(channels):
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, channels)).astype("uint8")
    bent = elastic(picture, strength=0.1, rng=np.random.default_rng(4))
    assert bent.shape == picture.shape and bent.dtype == np.uint8
    for channel in range(channels):
        alone = elastic(picture[..., channel : channel + 1], strength=0.1, rng=np.random.default_rng(4))
        np.testing.assert_array_equal(bent[..., channel], alone[..., 0])


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (7, 5)])
def test_small_images_are_bent_without_gaps(size):
    picture = np.full((*size, 1), 200, "uint8")
    np.testing.assert_array_equal(elastic(picture, strength=0.3, rng=np.random.default_rng(0)), picture)
