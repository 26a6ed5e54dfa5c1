import numpy as np
import pytest

from keras_cnn_zoo.data.embedded.tone_digits import tones

tfds = pytest.importorskip("tensorflow_datasets")

# TensorFlow Datasets makes deprecated calls, which this project cannot fix.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def test_the_builder_gives_the_clips(tmp_path):
    import keras_cnn_zoo.data  # noqa: F401  (registers the name)

    builder = tfds.builder("tone_digits", data_dir=str(tmp_path))
    builder.download_and_prepare()
    assert builder.info.features["audio"].sample_rate == 8000
    assert builder.info.features["label"].names == list("0123456789")
    for name, split in (("validation", "val"), ("test", "test")):
        made = tones.tones(split)
        found = list(tfds.as_numpy(builder.as_dataset(split=name)))
        assert len(found) == tones.COUNTS[split]
        for example, clip, label in zip(found, made.clips, made.labels, strict=True):
            np.testing.assert_array_equal(example["audio"], clip)
            assert example["label"] == label
