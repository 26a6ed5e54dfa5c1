import builtins
import importlib
import json
import types

import numpy as np
import pytest

from keras_cnn_zoo.data import load
from keras_cnn_zoo.data.embedded.digit_scenes import scenes
from keras_cnn_zoo.data.readers import tfds as reader
from keras_cnn_zoo.utils.errors import InputError
from keras_cnn_zoo.utils.tasks import TASKS

tf = pytest.importorskip("tensorflow")
tfds = pytest.importorskip("tensorflow_datasets")

# TensorFlow Datasets makes deprecated calls, which this project cannot fix.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def test_every_task_has_a_file_that_picks_and_reads_features():
    assert tuple(TASKS) == reader.TASKS
    for task in reader.TASKS:
        kind = importlib.import_module(f"{reader.__name__}.{task}")
        assert kind.WANTED.startswith(("a ", "an ")) and callable(kind.keys) and callable(kind.found)


def test_a_mocked_classification_name():
    with tfds.testing.mock_data(num_examples=12):
        source = load("tfds:mnist", task="classification")
        again = load("tfds:mnist", task="classification")
    assert source.class_names == tuple("0123456789") and source.channels == 1
    assert [len(split) for split in source.splits.values()] == [11, 1, 12]
    assert source.splits["test"].names == [f"test/{i}" for i in range(12)]
    for one, other in zip(source.splits["test"], again.splits["test"], strict=True):
        assert one["image"].shape == (28, 28, 1) and one["image"].dtype == np.uint8
        np.testing.assert_array_equal(one["image"], other["image"])
        assert one["label"] == other["label"] and isinstance(one["label"], int)


def test_two_names_for_one_split_are_refused(monkeypatch):
    builder = types.SimpleNamespace(info=types.SimpleNamespace(splits=["train", "validation", "dev"]))
    monkeypatch.setattr(reader, "_prepared", lambda *_: builder)
    monkeypatch.setattr(reader, "_keys", lambda *_: ({}, ()))
    with pytest.raises(InputError, match="tfds:x has two names for the val split: validation and dev"):
        load("tfds:x", task="classification")


def test_a_mocked_segmentation_name():
    with tfds.testing.mock_data(num_examples=12, max_value=10):
        source = load("tfds:digit_scenes/segmentation", task="segmentation")
    assert source.class_names == scenes.MASK_CLASSES
    example = source.splits["train"][0]
    assert example["image"].shape == (96, 96, 1) and example["mask"].shape == (96, 96)
    assert example["mask"].dtype == np.uint8 and example["mask"].max() <= 10


def pets(shape=(8, 6, 1), values=(1, 2, 3)):
    """Returns a mocked Oxford-IIIT Pet: decoded examples, as `mock_data` needs for `as_dataset_fn`."""

    def as_dataset(self, *args, **kwargs):
        draw = np.random.RandomState(0)
        examples = {
            "image": draw.randint(0, 256, size=(10, 8, 6, 3)).astype("uint8"),
            "segmentation_mask": draw.choice(values, size=(10, *shape)).astype("uint8"),
        }
        return tf.data.Dataset.from_tensor_slices(examples)

    return tfds.testing.mock_data(as_dataset_fn=as_dataset)


def test_masks_without_names_are_counted():
    with pets():
        source = load("tfds:oxford_iiit_pet", task="segmentation")
    assert source.class_names == ("0", "1", "2", "3") and source.channels == 3
    expected = np.random.RandomState(0).randint(0, 256, size=(10, 8, 6, 3))
    np.testing.assert_array_equal(source.splits["test"][4]["image"], expected[4])
    with pets():
        assert load("tfds:oxford_iiit_pet", task="segmentation", ignore_label=3).num_classes == 3
        with pytest.raises(
            InputError, match="the mask of train/0 must have classes 0 to 2 .* Received: the value 3"
        ):
            load("tfds:oxford_iiit_pet", task="segmentation", class_names="a,b,c")


def test_masks_of_another_size_are_refused_or_left_out():
    message = "oxford_iiit_pet: the mask of train/0 is 5 x 8 pixels and its image is 6 x 8"
    with pets(shape=(8, 5, 1)):
        with pytest.raises(InputError, match=message):
            load("tfds:oxford_iiit_pet", task="segmentation")
        with pytest.raises(InputError, match="has an empty train split after leaving out train/0: .*6 x 8"):
            load("tfds:oxford_iiit_pet", task="segmentation", skip_bad=True)


def test_features_that_do_not_fit_the_task_are_refused():
    with tfds.testing.mock_data(num_examples=3):
        with pytest.raises(InputError, match="must have an image and a mask for segmentation. It has: image"):
            load("tfds:mnist", task="segmentation")
        with pytest.raises(InputError, match="must have an image and a class for classification"):
            load("tfds:digit_scenes/detection", task="classification")
        with pytest.raises(InputError, match="tfds:mnist needs 10 class names. Received: 2 class names"):
            load("tfds:mnist", task="classification", class_names="a,b")


def test_an_unknown_name_is_refused_in_one_line():
    with pytest.raises(
        InputError, match="unknown TensorFlow Datasets name. Received: 'no_such_set'"
    ) as caught:
        load("tfds:no_such_set", task="classification")
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="cannot open tfds:digit_scenes/dancing: .*dancing") as caught:
        load("tfds:digit_scenes/dancing", task="classification")
    assert "\n" not in str(caught.value)


def test_data_that_cannot_be_downloaded_is_refused_in_one_line(monkeypatch, tmp_path):
    def offline(self, *args, **kwargs):
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(tfds.core.DatasetBuilder, "download_and_prepare", offline)
    with pytest.raises(InputError, match=r"cannot prepare tfds:mnist in .*: no route to host"):
        load("tfds:mnist", task="classification")


def test_data_that_does_not_fit_into_memory_is_refused(monkeypatch):
    monkeypatch.setattr(tfds.core.DatasetInfo, "dataset_size", property(lambda self: 150 * 2**30))
    with (
        tfds.testing.mock_data(num_examples=3),
        pytest.raises(InputError, match="tfds:mnist must fit into 6 GiB of memory. Received: 150.0 GiB"),
    ):
        load("tfds:mnist", task="classification")


def test_a_missing_package_is_named(monkeypatch):
    original = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "tensorflow_datasets":
            raise ModuleNotFoundError("No module named 'tensorflow_datasets'", name=name)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match="tfds: needs the packages .* Missing: tensorflow_datasets"):
        load("tfds:mnist", task="classification")


def test_features_and_not_names_decide_the_task():
    features = tfds.features
    image, mask = features.Image(), features.Image(shape=(None, None, 1))
    kind = features.ClassLabel(num_classes=3)
    pair = {"photo": image, "annotation": mask}
    assert reader.segmentation.keys("x", features, pair, ("photo", "annotation")) == ("photo", "annotation")
    assert reader.classification.keys("x", features, {"pic": image, "kind": kind}, ()) == ("pic", "kind")
    deep = features.Image(shape=(4, 4, 1), dtype=np.float32)
    with pytest.raises(InputError, match="pic must have uint8 or uint16 pixels. Received: float32"):
        reader.classification.keys("x", features, {"pic": deep, "kind": kind}, ())


@pytest.mark.parametrize(("task", "key"), [("classification", "label"), ("segmentation", "mask")])
def test_the_prepared_builder_equals_the_embedded_set(monkeypatch, tmp_path, capsys, task, key):
    # Three scenes per split keep the files of this test small.
    monkeypatch.setattr(scenes, "SCENE_COUNTS", dict.fromkeys(scenes.SCENE_COUNTS, 3))
    scenes.scenes.cache_clear()
    builder = tfds.builder(f"digit_scenes/{task}", data_dir=tmp_path)
    monkeypatch.setattr(tfds, "builder", lambda name: builder)
    try:
        source, embedded = load(f"tfds:digit_scenes/{task}", task=task), load(None, task=task)
    finally:
        scenes.scenes.cache_clear()
    assert source.class_names == embedded.class_names and source.notes == ()
    for name, split in embedded.splits.items():
        assert len(split) == len(source.splits[name]) and split.names == source.splits[name].names
        for one, other in zip(split[:20], source.splits[name][:20], strict=True):
            np.testing.assert_array_equal(one["image"], other["image"])
            np.testing.assert_array_equal(one[key], other[key])
    # A program prints one JSON object to standard output, with nothing before it.
    assert capsys.readouterr().out == ""
    assert json.loads(builder.info.as_json)["name"] == "digit_scenes"
