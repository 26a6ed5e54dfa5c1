"""Boxes that move with their images. A box is right if it contains exactly the bright pixels."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.data.augmentation.boxes import padded, random_view, turned
from keras_cnn_zoo.data.augmentation.images import Augmentation

BOXES = np.array([[2, 1, 6, 4], [9, 5, 16, 11]], "float32")


def picture(boxes=BOXES, shape=(12, 18, 3)):
    image = np.zeros(shape, "uint8")
    for number, (left, top, right, bottom) in enumerate(boxes.astype(int)):
        image[top:bottom, left:right] = 100 * (number + 1)
    return image


def extent(image, value):
    """Returns the box around the pixels of a value."""
    rows, columns = np.nonzero(np.asarray(image)[..., 0] == value)
    return [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


@pytest.mark.parametrize("turns", range(-1, 5))
def test_boxes_turn_with_their_image(turns):
    image, boxes = turned(picture(), BOXES, turns)
    assert image.shape[:2] == ((12, 18) if turns % 2 == 0 else (18, 12))
    assert boxes.tolist() == [extent(image, 100), extent(image, 200)]
    np.testing.assert_array_equal(image, np.rot90(picture(), turns))


def test_no_boxes_are_turned():
    assert turned(picture(), np.zeros((0, 4)), 1)[1].shape == (0, 4)


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_a_view_at_a_whole_factor_is_exact(factor):
    size = (12 * factor, 18 * factor)
    frame, boxes, kept = random_view(picture(), BOXES, size=size, rng=np.random.default_rng(0))
    assert frame.shape == (*size, 3) and frame.dtype == np.float32 and kept.all()
    np.testing.assert_array_equal(boxes, BOXES * factor)


def test_a_view_of_scale_one_is_the_letterbox_of_the_models():
    from keras_cnn_zoo.ops.host import letterbox

    image = np.random.default_rng(0).integers(0, 256, (40, 61, 3)).astype("uint8")
    expected = letterbox.letterbox(image.astype("float32"), (20, 64), 127.5)
    content = letterbox.content_size(image.shape, (20, 64))

    class AtTheLeft:
        """Draws 0 for every position."""

        uniform = staticmethod(lambda low, high: low)
        integers = staticmethod(lambda low, high: low)

    frame, boxes, _ = random_view(image, [[0, 0, 61, 40]], size=(20, 64), rng=AtTheLeft())
    assert boxes.tolist() == [[0, 0, content[1], content[0]]]
    np.testing.assert_allclose(boxes, letterbox.boxes_in([[0, 0, 61, 40]], image.shape, (20, 64)))
    # Pillow rounds to whole numbers, and its filter has another support.
    assert np.abs(frame - expected).mean() < 2.0
    assert (frame[:, content[1] :] == 127.5).all()


def test_views_larger_and_smaller_keep_boxes_on_their_pixels():
    rng, seen = np.random.default_rng(1), set()
    big = BOXES * 8
    image = np.zeros((96, 144, 3), "uint8")
    for channel, (left, top, right, bottom) in enumerate(big.astype(int)):
        image[top:bottom, left:right, channel] = 255
    for _ in range(40):
        frame, boxes, kept = random_view(image, big, size=(64, 64), scale=(0.5, 3.0), fill=0, rng=rng)
        assert frame.shape == (64, 64, 3)
        for channel, box in zip(np.flatnonzero(kept), boxes, strict=True):
            rows, columns = np.nonzero(frame[..., channel] > 127)
            edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert np.abs(np.array(edges) - box).max() <= 1.0
        assert (boxes >= 0).all() and (boxes <= 64).all()
        seen.add(tuple(kept.tolist()))
    assert len(seen) > 2


def test_boxes_that_are_barely_visible_are_dropped():
    image, rng = picture(), np.random.default_rng(0)
    views = [
        random_view(image, [[0, 0, 18, 12]], size=(12, 18), scale=(3, 3), min_visible=share, rng=rng)
        for share in (0.0, 0.2)
    ]
    # A ninth of the image is visible.
    assert [len(boxes) for _, boxes, _ in views] == [1, 0]
    assert views[0][1].tolist() == [[0, 0, 18, 12]]


def test_a_view_is_a_function_of_its_generator():
    views = [
        random_view(picture(), BOXES, size=(20, 20), scale=(0.3, 3), rng=np.random.default_rng(seed))
        for seed in (4, 4, 5)
    ]
    np.testing.assert_array_equal(views[0][0], views[1][0])
    np.testing.assert_array_equal(views[0][1], views[1][1])
    assert not np.array_equal(views[0][0], views[2][0])


def test_padding():
    boxes, classes = padded([BOXES, BOXES[:0], BOXES[1:]], [[3, 4], [], [5]], 3)
    assert boxes.shape == (3, 3, 4) and boxes.dtype == np.float32 and classes.dtype == np.int32
    assert classes.tolist() == [[3, 4, -1], [-1, -1, -1], [5, -1, -1]]
    np.testing.assert_array_equal(boxes[0], [*BOXES, [0, 0, 0, 0]])
    assert padded([BOXES], [[3, 4]], 1)[1].tolist() == [[3]]


def flip(mode="horizontal"):
    return keras.layers.RandomFlip(mode, bounding_box_format="xyxy", data_format="channels_last")


def batch(count=6):
    boxes, classes = padded([BOXES] * count, [[0, 1]] * count, 4)
    return np.stack([picture()] * count), {"boxes": boxes, "classes": classes}


@pytest.mark.parametrize("mode", ["horizontal", "vertical", "horizontal_and_vertical"])
def test_boxes_flip_with_their_images(mode):
    images, boxes = Augmentation([flip(mode)])(batch()[0], boxes=batch()[1], seed=(3,))
    assert boxes["boxes"].dtype == np.float32 and boxes["classes"].dtype == np.int32
    for image, edges in zip(images, boxes["boxes"], strict=True):
        np.testing.assert_allclose(edges[:2], [extent(image, 100), extent(image, 200)], atol=1e-4)
        assert not edges[2:].any()
    assert (boxes["classes"] == [0, 1, -1, -1]).all()
    assert len({image.tobytes() for image in images}) == 2


def test_colors_leave_boxes_where_they_are():
    layers = [
        keras.layers.RandomBrightness(0.2, value_range=(0, 255), data_format="channels_last"),
        keras.layers.RandomContrast(0.3, value_range=(0, 255), data_format="channels_last"),
        keras.layers.RandomHue(0.05, value_range=(0, 255), data_format="channels_last"),
    ]
    given = batch()
    images, boxes = Augmentation(layers)(given[0], boxes=given[1], seed=(3,))
    np.testing.assert_array_equal(boxes["boxes"], given[1]["boxes"])
    np.testing.assert_array_equal(boxes["classes"], given[1]["classes"])
    assert not np.array_equal(images, given[0]) and images.min() >= 0 and images.max() <= 255


def test_a_box_that_is_moved_out_is_dropped():
    layer = keras.layers.RandomTranslation(
        (0, 0), (0.6, 0.6), fill_mode="constant", bounding_box_format="xyxy", data_format="channels_last"
    )
    given = batch()
    images, boxes = Augmentation([layer])(given[0], boxes=given[1], seed=(0,))
    # Eleven of eighteen pixels to the right: the first box stays, the second leaves.
    assert (boxes["classes"] == [0, -1, -1, -1]).all()
    assert not boxes["boxes"][:, 1:].any()
    assert np.abs(boxes["boxes"][:, 0] - extent(images[0], 100)).max() < 1


def test_masks_and_boxes_together_are_a_function_of_the_seed():
    given = batch()
    masks = (given[0][..., 0] // 100).astype("int32")
    layers = [flip(), keras.layers.RandomBrightness(0.2, value_range=(0, 255), data_format="channels_last")]
    first, again, other = (
        Augmentation(layers)(given[0], masks, boxes=given[1], seed=seed) for seed in ((1, 2), (1, 2), (1, 3))
    )
    for one, two in zip(first[:2], again[:2], strict=True):
        np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(first[2]["boxes"], again[2]["boxes"])
    assert not np.array_equal(first[0], other[0])
    for mask, edges in zip(first[1], first[2]["boxes"], strict=True):
        np.testing.assert_allclose(edges[0], extent(mask[..., None], 1), atol=1e-4)
