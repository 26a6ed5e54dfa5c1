"""Resizing of images against Keras' resize and against integrals of triangles."""

import tracemalloc

import keras
import numpy as np
import pytest

from keras_cnn_zoo.ops.host.resizing import resize, shrunk

SIZES = [(32, 100), (7, 300), (200, 9), (1, 1), (64, 50), (33, 101), (480, 640), (3, 2)]


def image(*shape):
    return np.random.default_rng(1).uniform(0, 255, size=shape).astype("float32")


def by_loops(line, length):
    """Returns a line of pixels resized: triangles around new pixels, in float64."""
    scale = len(line) / length
    new = []
    for place in range(length):
        center, total, weights = (place + 0.5) * scale, 0.0, 0.0
        for index, value in enumerate(line):
            weight = max(0.0, 1 - abs(index + 0.5 - center) / max(scale, 1.0))
            total, weights = total + weight * float(value), weights + weight
        new.append(total / weights)
    return new


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("target", [(32, 100), (5, 5)])
def test_resizing_equals_keras(size, target):
    picture = image(*size, 2)
    expected = keras.ops.image.resize(
        picture, target, interpolation="bilinear", antialias=True, data_format="channels_last"
    )
    resized = resize(picture, target)
    assert resized.dtype == np.float32
    # TensorFlow computes the positions in float32.
    np.testing.assert_allclose(resized, keras.ops.convert_to_numpy(expected), atol=2e-2, rtol=1e-4)


@pytest.mark.parametrize(("source", "target"), [(1, 4), (4, 1), (7, 7), (5, 12), (12, 5), (9, 4), (300, 7)])
def test_each_axis_equals_loops(source, target):
    line = image(source)
    expected = by_loops(line, target)
    for resized in (
        resize(line.reshape(source, 1, 1), (target, 1)),
        resize(line.reshape(1, source, 1), (1, target)),
    ):
        np.testing.assert_allclose(resized.ravel(), expected, rtol=1e-5)


def test_several_images_are_resized_as_each_one():
    images = image(3, 20, 31, 3)
    together = resize(images, (12, 40))
    assert together.shape == (3, 12, 40, 3)
    for one, resized in zip(images, together, strict=True):
        np.testing.assert_array_equal(resize(one, (12, 40)), resized)


def test_an_image_of_the_size_stays():
    picture = image(6, 5, 1)
    assert resize(picture, (6, 5)) is picture


def test_a_constant_image_stays_constant():
    np.testing.assert_allclose(resize(np.full((11, 231, 1), 255, "float32"), (32, 100)), 255, rtol=1e-6)


@pytest.mark.parametrize(("size", "target"), [((90, 121), (33, 40)), ((64, 9), (7, 9)), ((20, 30), (20, 11))])
def test_a_shrunk_uint8_image_is_the_resized_one_rounded(size, target):
    picture = np.random.default_rng(2).integers(0, 256, (*size, 3)).astype("uint8")
    new = shrunk(picture, target)
    assert new.dtype == np.uint8 and new.shape == (*target, 3)
    # Both sums are near a half now and then, where they round to different sides.
    np.testing.assert_allclose(new, resize(picture.astype("float32"), target), atol=0.5001)
    assert (shrunk(np.full((40, 50, 1), 255, "uint8"), (9, 8)) == 255).all()


def test_shrinking_takes_little_more_memory_than_the_image():
    picture = np.zeros((1200, 1600, 3), "uint8")
    tracemalloc.start()
    shrunk(picture, (48, 64))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < picture.nbytes / 4
