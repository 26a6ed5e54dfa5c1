import dataclasses

import pytest

from keras_cnn_zoo.data import load
from keras_cnn_zoo.data.embedded.library_english import sentences as made
from keras_cnn_zoo.data.readers import library_english
from keras_cnn_zoo.utils.errors import InputError


def test_the_embedded_set_of_language_is_library_english():
    source = load(None, task="language")
    assert source.name == "library_english" and source.class_names == made.CLASSES
    assert source.channels is None and len(source.split("train")) > 900
    example = source.split("test")[5]
    assert example["text"] == made.sentences().texts["test"][5]
    assert example["label"] == source.split("test").labels[5]


def test_sentences_that_are_missing_are_reported(monkeypatch):
    some = dataclasses.replace(made.sentences(), missing=7)
    monkeypatch.setattr(library_english, "sentences", lambda: some)
    assert "7 of the 1920 sentences of library_english are not in" in load(None, task="language").notes[0]
    none = dataclasses.replace(some, missing=some.listed)
    monkeypatch.setattr(library_english, "sentences", lambda: none)
    with pytest.raises(InputError, match="which this Python 3.* does not have"):
        load(None, task="language")


def test_class_names_cannot_be_given():
    with pytest.raises(InputError, match="class names cannot be given for the embedded library_english"):
        load(None, task="language", class_names="a,b")
