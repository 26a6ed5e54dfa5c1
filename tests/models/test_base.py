import json

import keras
import numpy as np
import pytest

from keras_cnn_zoo.models import CRNN, LeNet5, RetinaNet, SiamFC, UNet
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


RNG = np.random.default_rng(0)
CHW = RNG.integers(0, 256, (3, 40, 30)).astype("uint8")


@pytest.mark.parametrize(
    "images, received",
    [
        (RNG.random((28, 28)), "multiply them by 255. Received: float64 values from 0.0"),
        (RNG.random((28, 28, 3)).astype("float32"), "multiply them by 255. Received: float32"),
        ([np.zeros((28, 28), "uint8"), RNG.random((9, 9))], "multiply them by 255"),
        (RNG.random((5, 28, 28, 1)), "multiply them by 255"),
        (np.full((28, 28), 0.5), "values from 0.5 to 0.5"),
        (RNG.random((28, 28)) * 2 - 1, "undo their normalization. Received: float64 values from -0.99"),
        (RNG.normal(size=(28, 28)), "undo their normalization"),
        (RNG.random((28, 28)) * 65535, "scale them to that range"),
        (np.full((28, 28), 256, "uint16"), "scale them .*uint16 values from 256 to 256"),
        (np.full((28, 28), -1), "scale them .*values from -1 to -1"),
        (np.full((28, 28), "a"), "numbers from 0 to 255. Received: array of <U1"),
    ],
)
def test_images_of_another_range_are_refused(grey, images, received):
    with pytest.raises(ValueError, match=f"`images` must be .*{received}"):
        grey.preprocess(images)


def test_images_in_the_range_are_taken_as_they_are(grey):
    bits = RNG.integers(0, 2, (28, 28))
    for images in (bits, bits.astype("float32"), bits.astype("uint8")):
        np.testing.assert_allclose(grey.preprocess(images)[0, ..., 0], (bits - 127.5) / 127.5, rtol=1e-6)
    np.testing.assert_allclose(grey.preprocess(bits > 0)[0, ..., 0], bits * 2.0 - 1, rtol=1e-6)
    overshoot = np.where(bits, 262.5, -3.25)
    np.testing.assert_allclose(grey.preprocess(overshoot)[0, ..., 0], (overshoot - 127.5) / 127.5, rtol=1e-6)
    dark = np.where(bits, 1.5, 0.0)
    assert grey.preprocess(dark).shape == (1, 28, 28, 1)


@pytest.mark.parametrize("images", [CHW, [CHW], np.stack([CHW, CHW]), [CHW[:1].repeat(4, 0)]])
def test_channels_before_height_are_refused(grey, free, images):
    for model in (grey, free):
        with pytest.raises(
            ValueError, match=r"channels last.* Received: array of shape \((2, )?[34], 40, 30\)"
        ):
            model.preprocess(images)


def test_a_single_channel_may_be_first(grey):
    expected = grey.preprocess(CHW[0])
    for images in (CHW[:1], [CHW[:1]], CHW[None, :1], CHW[0, ..., None]):
        np.testing.assert_array_equal(grey.preprocess(images), expected)
    batch = RNG.integers(0, 256, (5, 28, 28)).astype("uint8")
    assert grey.preprocess(batch).shape == (5, 28, 28, 1)
    assert grey.preprocess(batch[:3, ..., None]).shape == (3, 28, 28, 1)


@pytest.mark.parametrize("name", ["crnn", "detector", "siamfc"])
def test_every_model_of_images_checks_them(name):
    if name == "crnn":
        preprocess = CRNN(2, width=0.1, input_shape=(32, 40, 1)).preprocess
    elif name == "detector":
        preprocess = RetinaNet(2, input_shape=(64, 64, 3), width=0.1).preprocess
    else:
        model = SiamFC(variant="small", width=0.1)
        tracker = model.tracker()
        with pytest.raises(ValueError, match="`frame` must be uint8 or numbers from 0 to 255: multiply"):
            tracker.start(RNG.random((40, 30, 3)), (2, 2, 9, 9))
        with pytest.raises(ValueError, match=r"`frame` must be \(height, width, 3\)"):
            tracker.start(CHW, (2, 2, 9, 9))

        def preprocess(images):
            return model.preprocess({"search": images})

    for images, message in ((RNG.random((40, 30, 3)), "multiply them by 255"), (CHW, "channels last")):
        with pytest.raises(ValueError, match=message):
            preprocess(images)


class Names(list):
    """Stands for a type like a pandas index: neither a list nor an array to the caller."""

    def tolist(self):
        return list(self)


@pytest.mark.parametrize("names", [["a", "b"], ("a", "b"), np.array(["a", "b"]), Names(["a", "b"])])
def test_class_names_may_be_any_sequence(tmp_path, names):
    model = LeNet5(2, class_names=names)
    assert model.class_names == ("a", "b") and json.dumps(model.get_config()["class_names"]) == '["a", "b"]'
    assert all(type(name) is str for name in model.class_names)
    model.save(tmp_path / "m.keras")
    assert keras.models.load_model(tmp_path / "m.keras").class_names == ("a", "b")


@pytest.mark.parametrize(
    "names", ["ab", {"a", "b"}, {"a": 0, "b": 1}, 5, np.array([["a", "b"]]), np.array([0, 1]), ["a", None]]
)
def test_class_names_that_are_no_sequence_of_texts_are_refused(names):
    with pytest.raises(
        ValueError, match="`class_names` must be None or 2 distinct strings. Received: class_na"
    ):
        LeNet5(2, class_names=names)


@pytest.mark.parametrize("name", ["m.h5", "m.H5", "m.hdf5"])
def test_files_that_could_not_be_loaded_are_not_written(grey, tmp_path, name):
    with pytest.raises(
        ValueError, match=r"`filepath` must be a path that ends in \.keras.* Received: filepath='"
    ):
        grey.save(tmp_path / name)
    assert not list(tmp_path.iterdir())
