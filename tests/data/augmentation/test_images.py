import keras
import numpy as np
import pytest

from keras_cnn_zoo.data.augmentation.images import Augmentation, random_crop


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
