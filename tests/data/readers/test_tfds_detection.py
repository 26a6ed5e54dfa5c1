"""`tfds:` names with boxes, offline."""

import numpy as np
import pytest

from keras_cnn_zoo.data import load
from keras_cnn_zoo.utils.errors import InputError

tf = pytest.importorskip("tensorflow")
tfds = pytest.importorskip("tensorflow_datasets")


def faces(boxes, crowd=False):
    """Returns a mocked data set with boxes: decoded examples, as `mock_data` needs for `as_dataset_fn`."""

    def as_dataset(self, *args, **kwargs):
        def examples():
            for number in range(10):
                yield {
                    "image": np.full((96, 96, 1), number, "uint8"),
                    "objects": {
                        "bbox": np.array(boxes, "float32").reshape(-1, 4),
                        "label": np.arange(len(boxes), dtype="int64"),
                    },
                }

        signature = {
            "image": tf.TensorSpec((96, 96, 1), tf.uint8),
            "objects": {
                "bbox": tf.TensorSpec((None, 4), tf.float32),
                "label": tf.TensorSpec((None,), tf.int64),
            },
        }
        return tf.data.Dataset.from_generator(examples, output_signature=signature)

    return tfds.testing.mock_data(as_dataset_fn=as_dataset)


def open_scenes(**options):
    return load("tfds:digit_scenes/detection", task="detection", **options)


def test_boxes_become_pixels_left_top_right_bottom():
    with faces([[0.25, 0.5, 0.75, 1.0], [0.0, 0.0, 1.0, 0.5]]):
        source = open_scenes()
    assert source.class_names == tuple("0123456789") and source.channels == 1
    assert "no objects of 2, 3, 4, 5, 6, 7, 8, 9" in source.notes
    example = source.splits["train"][3]
    assert example["image"].shape == (96, 96, 1) and example["boxes"].dtype == np.float32
    np.testing.assert_allclose(example["boxes"], [[48, 24, 96, 72], [0, 0, 48, 96]])
    assert example["classes"].tolist() == [0, 1] and example["crowd"].tolist() == [False, False]


def test_impossible_boxes_are_refused_or_left_out():
    with faces([[0.25, 0.5, 0.75, 1.4]]):
        with pytest.raises(InputError, match="object 1 of train/0 leaves its image of 96 x 96 pixels"):
            open_scenes()
        with pytest.raises(InputError, match="empty train split after leaving out train/0"):
            open_scenes(skip_bad=True)
    with faces([]), pytest.raises(InputError, match="no image of the train split has an object"):
        open_scenes()


def test_features_without_boxes_are_refused():
    with (
        tfds.testing.mock_data(num_examples=3),
        pytest.raises(InputError, match="must have an image and a sequence of boxes .* detection. It has:"),
    ):
        load("tfds:mnist", task="detection")
