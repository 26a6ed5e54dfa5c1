import numpy as np
import pytest

from keras_cnn_zoo.data import load
from keras_cnn_zoo.data.embedded.tone_digits import tones
from keras_cnn_zoo.utils.errors import InputError


def test_speech_loads_it_by_default():
    source = load(task="speech")
    assert source.name == "tone_digits" and source.class_names == tuple("0123456789")
    assert source.channels is None and source.notes == ()
    assert {name: len(split) for name, split in source.splits.items()} == tones.COUNTS
    example = source.splits["val"][3]
    assert source.splits["val"].names[3] == "val/3"
    assert example["audio"].dtype == np.float32 and example["sample_rate"] == 8000
    np.testing.assert_array_equal(example["audio"] * 32768, tones.tones("val").clips[3])
    assert example["label"] == source.splits["val"].labels[3] and type(example["label"]) is int


def test_class_names_cannot_be_given():
    with pytest.raises(InputError, match="class names cannot be given for the embedded tone_digits"):
        load(task="speech", class_names="a,b")
