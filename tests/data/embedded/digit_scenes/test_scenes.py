import hashlib

import numpy as np
import pytest

from keras_cnn_zoo.data.embedded.digit_scenes import scenes

pytest.importorskip("sklearn")

SPLITS = ("train", "val", "test")

# Frozen since the first release: published presets were trained on exactly these pixels.
SCENE_HASHES = {
    "train": "afde3005941e366c3561ae59e373b306b3e6aea9c4281dd7c6967e2a16bdeb38",
    "val": "de812a4a408e1b0cdaf2bb73fbcf7b93a2d08e7122aa6a07cc362c0b75c52c89",
    "test": "3256e397fe5a74a2707e18df4b6e623d0c7ba4b62058fcbcbbbea2a797108a11",
}
DIGIT_HASHES = {
    "train": "b141ed3e6518a5c10eb158021be5915a11b2f03b5e0e64d1e38240c412710b68",
    "val": "23c1107e29a470a82ecff09e747ac2e7135389750a424215efbe72070826a5c5",
    "test": "0e34b7f0dcb15cab84be9af9e53c0553b73b8b88ba98b7089e9ab935f809d930",
}


def digest(*arrays):
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()


@pytest.mark.parametrize("split", SPLITS)
def test_the_pixels_are_frozen(split):
    made = scenes.scenes(split)
    assert digest(made.images, made.masks) == SCENE_HASHES[split]
    assert digest(*scenes.digits(split)) == DIGIT_HASHES[split]


def test_two_calls_give_equal_arrays():
    once = scenes.scenes("val")
    scenes.scenes.cache_clear()
    again = scenes.scenes("val")
    assert once is not again
    np.testing.assert_array_equal(once.images, again.images)
    np.testing.assert_array_equal(once.masks, again.masks)
    for one, other in zip(once.boxes, again.boxes, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("split", SPLITS)
def test_shapes_and_kinds(split):
    made = scenes.scenes(split)
    count = scenes.SCENE_COUNTS[split]
    assert made.images.shape == (count, 96, 96, 1) and made.images.dtype == np.uint8
    assert made.masks.shape == (count, 96, 96) and made.masks.dtype == np.uint8
    assert {len(boxes) for boxes in made.boxes} == {1, 2, 3, 4, 5}
    assert np.flatnonzero(np.bincount(made.masks.ravel())).tolist() == list(range(11))
    images, labels = scenes.digits(split)
    assert images.shape == (len(labels), 28, 28, 1)
    assert images[:, :4].max() == 0 and images[:, :, -4:].max() == 0


@pytest.mark.parametrize("split", SPLITS)
def test_boxes_lie_tight_around_masks_and_do_not_touch(split):
    made = scenes.scenes(split)
    for mask, boxes, labels in zip(made.masks, made.boxes, made.labels, strict=True):
        left = mask.copy()
        for (y0, x0, y1, x1), label in zip(boxes.astype(int), labels, strict=True):
            window = left[y0:y1, x0:x1]
            assert set(np.unique(window)) <= {0, label + 1}
            for edge in (window[0], window[-1], window[:, 0], window[:, -1]):
                assert edge.any()
            window[...] = 0
        assert not left.any()


def test_splits_share_no_digit():
    used = [set(np.concatenate(scenes.scenes(split).glyphs).tolist()) for split in SPLITS]
    assert not used[0] & used[1] and not used[0] & used[2] and not used[1] & used[2]
    pictures = [{image.tobytes() for image in scenes.digits(split)[0]} for split in SPLITS]
    assert not pictures[0] & pictures[1] and not pictures[0] & pictures[2] and not pictures[1] & pictures[2]


@pytest.mark.parametrize("split", SPLITS)
def test_labels_are_those_of_the_digits_drawn(split):
    from sklearn.datasets import load_digits

    target = load_digits().target
    made = scenes.scenes(split)
    for labels, glyphs in zip(made.labels, made.glyphs, strict=True):
        np.testing.assert_array_equal(labels, target[glyphs])


def test_every_digit_contrasts_with_its_background():
    made = scenes.scenes("test")
    for image, mask in zip(made.images, made.masks, strict=True):
        for value in set(np.unique(mask)) - {0}:
            inside = image[..., 0][mask == value].astype(float)
            assert abs(np.median(inside) - np.median(image[..., 0][mask == 0])) > 15


def test_arrays_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        scenes.scenes("val").images[0] = 0
    with pytest.raises(ValueError, match="read-only"):
        scenes.digits("val")[0][0] = 0
