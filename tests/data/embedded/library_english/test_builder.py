import pytest

from keras_cnn_zoo.data import load
from keras_cnn_zoo.data.embedded.library_english.sentences import CLASSES, sentences

tfds = pytest.importorskip("tensorflow_datasets")

# TensorFlow Datasets makes deprecated calls, which this project cannot fix.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def test_the_prepared_builder_equals_the_embedded_set(tmp_path, monkeypatch, capsys):
    builder = tfds.builder("library_english", data_dir=tmp_path)
    monkeypatch.setattr(tfds, "builder", lambda name: builder)
    source, embedded = load("tfds:library_english", task="language"), load(None, task="language")
    assert source.class_names == embedded.class_names == CLASSES
    for name, split in embedded.splits.items():
        assert list(source.splits[name]) == list(split) and source.splits[name].names == split.names
    assert capsys.readouterr().out == ""


def test_info(tmp_path):
    builder = tfds.builder("library_english", data_dir=tmp_path)
    assert builder.info.supervised_keys == ("text", "label")
    assert builder.info.features["label"].num_classes == len(CLASSES)
    first = next(iter(builder._generate_examples("train")))
    assert first == (0, {"text": sentences().texts["train"][0], "label": sentences().labels["train"][0]})


def test_a_mocked_name_of_another_set():
    with tfds.testing.mock_data(num_examples=8):
        source = load("tfds:imdb_reviews", task="language")
        other = load("tfds:ag_news_subset", task="language")
    assert source.class_names == ("neg", "pos") and source.channels is None
    assert isinstance(source.split("train")[0]["text"], str)
    assert isinstance(source.split("train")[0]["label"], int)
    assert other.num_classes == 4
