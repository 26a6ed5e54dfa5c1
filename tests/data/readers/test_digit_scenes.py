import numpy as np
import pytest

from keras_cnn_zoo.data import load
from keras_cnn_zoo.data.embedded.digit_scenes import scenes
from keras_cnn_zoo.utils.errors import InputError

pytest.importorskip("sklearn")


def test_classification_gives_single_digits():
    source = load(None, task="classification")
    assert source.class_names == scenes.DIGIT_CLASSES
    assert [len(split) for split in source.splits.values()] == [1197, 200, 400]
    example = source.splits["val"][3]
    np.testing.assert_array_equal(example["image"], scenes.digits("val")[0][3])
    assert example["label"] == source.splits["val"].labels[3] == scenes.digits("val")[1][3]
    assert source.splits["val"].names[3] == "val/3"


def test_segmentation_gives_scenes_with_masks():
    source = load(None, task="segmentation")
    assert source.class_names[:2] == ("background", "0")
    assert [len(split) for split in source.splits.values()] == [1200, 200, 300]
    example = source.splits["val"][3]
    np.testing.assert_array_equal(example["image"], scenes.scenes("val").images[3])
    np.testing.assert_array_equal(example["mask"], scenes.scenes("val").masks[3])


def test_class_names_cannot_be_given():
    with pytest.raises(InputError, match="class names cannot be given for the embedded digit_scenes"):
        load(None, task="classification", class_names="a,b")
