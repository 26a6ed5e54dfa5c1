import numpy as np
import pytest

from keras_cnn_zoo.data import load
from keras_cnn_zoo.utils.errors import InputError

tf = pytest.importorskip("tensorflow")
tfds = pytest.importorskip("tensorflow_datasets")

# TensorFlow Datasets makes deprecated calls, which this project cannot fix.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def recordings(samples, count=10, labels=None):
    """Returns a mocked data set of recordings: decoded examples, as `mock_data` needs for `as_dataset_fn`."""

    def as_dataset(self, *args, **kwargs):
        classes = np.arange(count) % 2 if labels is None else np.asarray(labels)
        return tf.data.Dataset.from_tensor_slices({"audio": samples, "label": classes.astype("int64")})

    return tfds.testing.mock_data(as_dataset_fn=as_dataset)


def whole(shape=(10, 90), scale=2000, dtype="int64"):
    return np.random.default_rng(0).integers(-scale, scale, shape).astype(dtype)


def test_a_mocked_name():
    with tfds.testing.mock_data(num_examples=10):
        source = load("tfds:speech_commands", task="speech")
    assert len(source.class_names) == 12 and source.class_names[:2] == ("down", "go")
    assert source.channels is None
    assert {name: len(split) for name, split in source.splits.items()}["test"] == 10
    example = source.splits["test"][0]
    assert example["audio"].dtype == np.float32 and np.abs(example["audio"]).max() <= 1
    assert example["sample_rate"] == 16000 and type(example["label"]) is int


def test_the_embedded_set_by_its_tfds_name():
    with tfds.testing.mock_data(num_examples=4):
        source = load("tfds:tone_digits", task="speech")
    assert source.class_names == tuple("0123456789") and source.splits["train"][0]["sample_rate"] == 8000


def test_samples_of_16_and_32_bits_in_64():
    for scale, full in ((2000, 2**15), (2**30, 2**31)):
        samples = whole(scale=scale)
        with recordings(samples):
            example = load("tfds:spoken_digit", task="speech").splits["test"][3]
        np.testing.assert_allclose(example["audio"], samples[3] / full, atol=1e-6)
        assert example["sample_rate"] == 8000 and example["label"] == 1


def test_channels_are_averaged():
    samples = whole(shape=(10, 90, 2))
    with recordings(samples):
        example = load("tfds:spoken_digit", task="speech").splits["test"][1]
    np.testing.assert_allclose(example["audio"], samples[1].mean(1) / 2**15, atol=1e-6)


def test_silence_is_refused_or_left_out():
    samples = whole()
    samples[2] = 0
    with recordings(samples):
        with pytest.raises(
            InputError, match="tfds:spoken_digit: train/2 is silent: all its 90 samples are 0"
        ):
            load("tfds:spoken_digit", task="speech")
        source = load("tfds:spoken_digit", task="speech", skip_bad=True)
    assert source.skipped[0].startswith("train/2: ") and len(source.splits["test"]) == 9


def test_features_that_do_not_fit_are_refused():
    with tfds.testing.mock_data(num_examples=3):
        with pytest.raises(InputError, match="must have a sound and a class for speech. It has: image"):
            load("tfds:mnist", task="speech")
        with pytest.raises(
            InputError, match="tfds:spoken_digit needs 10 class names. Received: 2 class names"
        ):
            load("tfds:spoken_digit", task="speech", class_names="a,b")
