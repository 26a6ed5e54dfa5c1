import numpy as np
import pytest

from keras_cnn_zoo.ops.host.pictures import checked_pixels, list_pictures

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("shape", "shapes"),
    [
        ((5, 6), [(5, 6)]),
        ((5, 6, 3), [(5, 6, 3)]),
        ((3, 6, 3), [(3, 6, 3)]),
        ((3, 6, 1), [(3, 6, 1)]),
        ((1, 5, 6), [(5, 6)]),
        ((2, 5, 6), [(5, 6)] * 2),
        ((2, 5, 6, 4), [(5, 6, 4)] * 2),
        ((3, 5, 6, 1), [(5, 6, 1)] * 3),
        ((2, 1, 5, 6), [(5, 6)] * 2),
    ],
)
def test_arrays_become_lists_of_images(shape, shapes):
    images = RNG.integers(0, 256, shape).astype("uint8")
    found = list_pictures(images)
    assert [image.shape for image in found] == shapes
    np.testing.assert_array_equal(np.concatenate([image.ravel() for image in found]), images.ravel())


@pytest.mark.parametrize("shape", [(3, 5, 6), (2, 3, 5, 6), (2, 4, 5, 6)])
def test_channels_first_are_refused(shape):
    with pytest.raises(ValueError, match="channels last"):
        list_pictures(np.zeros(shape, "uint8"))


def test_uint8_is_never_refused_and_types_are_kept():
    for image in (np.ones((4, 4), "uint8"), np.full((4, 4), 0.0), np.full((4, 4), 200.25, "float16")):
        assert checked_pixels(image) is image
    np.testing.assert_array_equal(checked_pixels(np.array([[True, False]])), [[255, 0]])
    assert checked_pixels(np.zeros((0, 4))).shape == (0, 4)


@pytest.mark.parametrize("image", [np.array([[None]]), np.array([[1j]]), np.array([["1"]])])
def test_values_that_are_no_numbers_are_refused(image):
    with pytest.raises(ValueError, match="`frame` must be numbers from 0 to 255"):
        checked_pixels(image, "frame")


def test_bfloat16_is_a_float():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    image = np.array([[0.5, 1.0]]).astype(ml_dtypes.bfloat16)
    with pytest.raises(ValueError, match="multiply them by 255"):
        checked_pixels(image)
    np.testing.assert_array_equal(checked_pixels(image * 200), [[100, 200]])
