import numpy as np
import pytest

from keras_cnn_zoo.data import load
from keras_cnn_zoo.data.embedded.digit_scenes import strings
from keras_cnn_zoo.utils.errors import InputError

tf = pytest.importorskip("tensorflow")
tfds = pytest.importorskip("tensorflow_datasets")

# TensorFlow Datasets makes deprecated calls, which this project cannot fix.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def words(texts):
    """Returns a mocked `digit_scenes/text`: decoded examples, as `mock_data` needs for `as_dataset_fn`."""

    def as_dataset(self, *args, **kwargs):
        draw = np.random.RandomState(0)
        images = draw.randint(0, 256, size=(len(texts), 32, 50, 1)).astype("uint8")
        return tf.data.Dataset.from_tensor_slices({"image": images, "text": list(texts)})

    return tfds.testing.mock_data(as_dataset_fn=as_dataset)


def test_images_and_texts():
    with words(["12", "Exit", "7"] * 5):
        source = load("tfds:digit_scenes/text", task="text")
    assert source.channels == 1 and not source.mirror and source.class_names[:2] == ("0", "1")
    example = source.splits["test"][1]
    expected = np.random.RandomState(0).randint(0, 256, size=(15, 32, 50, 1))
    assert example["text"] == "exit" and isinstance(example["text"], str)
    np.testing.assert_array_equal(example["image"], expected[1])


@pytest.mark.parametrize(
    "text, message",
    [
        ("no-go", r"digit_scenes/text: train/1: '-' is not in the alphabet 0123.* Received: 'no-go'"),
        ("", "digit_scenes/text: train/1 has an empty text"),
        (b"\xff", r"digit_scenes/text: train/1 is not utf-8 text \(byte 0\)"),
    ],
)
def test_bad_texts_are_refused_or_left_out(text, message):
    texts = ["fine", text, *["good"] * 20]
    if isinstance(text, bytes):
        texts = [word.encode() if isinstance(word, str) else word for word in texts]
    with words(texts):
        with pytest.raises(InputError, match=message):
            load("tfds:digit_scenes/text", task="text")
        source = load("tfds:digit_scenes/text", task="text", skip_bad=True)
    assert len(source.splits["test"]) == 21 and len(source.skipped) == 2


def test_features_without_a_text_are_refused():
    message = "must have an image and a text for text. It has: image"
    with tfds.testing.mock_data(num_examples=3), pytest.raises(InputError, match=message):
        load("tfds:mnist", task="text")


def test_the_builder_writes_the_strings(tmp_path, monkeypatch):
    monkeypatch.setattr(strings, "STRING_COUNTS", {"train": 5, "val": 3, "test": 4})
    strings.strings.cache_clear()
    data, info = tfds.load("digit_scenes/text", data_dir=tmp_path, with_info=True)
    made = strings.strings("val")
    held = list(tfds.as_numpy(data["validation"]))
    strings.strings.cache_clear()
    assert info.supervised_keys == ("image", "text") and len(held) == 3
    for example, image, text in zip(held, made.images, made.texts, strict=True):
        np.testing.assert_array_equal(example["image"], image)
        assert example["text"].decode() == text
