import numpy as np

from keras_cnn_zoo.data.augmentation.mosaic import mosaic


def views(count=4):
    """Images whose objects have the value 100 + 20 times their class, on a background of 10 + image."""
    made = []
    for index in range(count):
        image = np.full((60, 80, 1), 10 + index, "uint8")
        boxes = np.array([[5, 6, 35, 50], [45, 10, 75, 40]], "float32")
        classes = np.array([index, (index + 1) % 4], "int32")
        for (left, top, right, bottom), label in zip(boxes.astype(int), classes, strict=True):
            image[top:bottom, left:right] = 100 + 20 * label
        made.append((image, boxes, classes))
    return made


def test_boxes_are_around_the_objects_of_their_class():
    seen = set()
    for seed in range(20):
        frame, boxes, classes = mosaic(views(), size=(96, 128), fill=0, rng=np.random.default_rng(seed))
        assert frame.shape == (96, 128, 1) and len(boxes) == len(classes) > 0
        for box, label in zip(boxes, classes, strict=True):
            left, top, right, bottom = np.rint(box).astype(int)
            inside = frame[top + 2 : bottom - 2, left + 2 : right - 2, 0]
            assert (np.abs(inside - (100 + 20 * label)) < 1).all()
            seen.add(int(label))
    assert seen == {0, 1, 2, 3}


def test_no_object_is_without_a_box():
    for seed in range(10):
        # At this scale nothing is cut off.
        frame, boxes, _ = mosaic(
            views(), size=(96, 128), scale=(1.0, 1.0), fill=0, rng=np.random.default_rng(seed)
        )
        assert len(boxes) == 8
        covered = np.zeros(frame.shape[:2], bool)
        for left, top, right, bottom in np.rint(boxes).astype(int):
            covered[max(top - 1, 0) : bottom + 1, max(left - 1, 0) : right + 1] = True
        assert not ((frame[..., 0] > 90) & ~covered).any()


def test_the_four_images_meet_in_one_corner():
    blank = [(np.full((30, 30, 3), value, "uint8"), np.zeros((0, 4)), []) for value in (50, 100, 150, 200)]
    frame, boxes, classes = mosaic(blank, size=(40, 60), scale=(4.0, 4.0), rng=np.random.default_rng(1))
    # At this scale each quadrant is full.
    assert len(boxes) == len(classes) == 0 and boxes.shape == (0, 4)
    row = int(np.argmax(frame[:, 0, 0] == 150))
    column = int(np.argmax(frame[0, :, 0] == 100))
    assert 12 <= row <= 28 and 18 <= column <= 42
    expected = np.block(
        [
            [np.full((row, column), 50.0), np.full((row, 60 - column), 100.0)],
            [np.full((40 - row, column), 150.0), np.full((40 - row, 60 - column), 200.0)],
        ]
    )
    np.testing.assert_allclose(frame, np.repeat(expected[..., None], 3, axis=-1), atol=1)


def test_the_generator_is_the_only_source_of_randomness():
    one, other, third = (
        mosaic(views(), size=(64, 64), rng=np.random.default_rng(seed)) for seed in (5, 5, 6)
    )
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left, right)
    assert (one[0] != third[0]).any()
