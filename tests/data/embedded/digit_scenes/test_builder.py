import subprocess
import sys

import numpy as np
import pytest

import keras_cnn_zoo.data  # noqa: F401  (registers the name)
from keras_cnn_zoo.data.embedded.digit_scenes import scenes

tfds = pytest.importorskip("tensorflow_datasets")

# TensorFlow Datasets makes deprecated calls, which this project cannot fix.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(autouse=True)
def few_scenes(monkeypatch):
    monkeypatch.setattr(scenes, "SCENE_COUNTS", {"train": 6, "val": 4, "test": 5})
    scenes.scenes.cache_clear()
    yield
    scenes.scenes.cache_clear()


def prepared(config, tmp_path):
    data, info = tfds.load(f"digit_scenes/{config}", data_dir=tmp_path, with_info=True)
    return {name: list(tfds.as_numpy(split)) for name, split in data.items()}, info


def test_classification(tmp_path):
    data, info = prepared("classification", tmp_path)
    assert {name: len(split) for name, split in data.items()} == {
        "train": 1197,
        "validation": 200,
        "test": 400,
    }
    assert info.features["label"].names == list("0123456789")
    assert info.supervised_keys == ("image", "label")
    images, labels = scenes.digits("val")
    np.testing.assert_array_equal([example["image"] for example in data["validation"]], images)
    np.testing.assert_array_equal([example["label"] for example in data["validation"]], labels)


def test_segmentation(tmp_path):
    data, info = prepared("segmentation", tmp_path)
    assert {name: len(split) for name, split in data.items()} == {"train": 6, "validation": 4, "test": 5}
    assert info.features["segmentation_mask"].names == list(scenes.MASK_CLASSES)
    made = scenes.scenes("test")
    np.testing.assert_array_equal([example["image"] for example in data["test"]], made.images)
    masks = [example["segmentation_mask"][..., 0] for example in data["test"]]
    np.testing.assert_array_equal(masks, made.masks)


def test_detection(tmp_path):
    data, info = prepared("detection", tmp_path)
    assert info.features["objects"]["label"].names == list("0123456789")
    made = scenes.scenes("train")
    for example, boxes, labels in zip(data["train"], made.boxes, made.labels, strict=True):
        np.testing.assert_allclose(example["objects"]["bbox"] * 96, boxes, atol=1e-4)
        np.testing.assert_array_equal(example["objects"]["label"], labels)


@pytest.mark.slow
@pytest.mark.parametrize("first", ["keras_cnn_zoo.data", "tensorflow_datasets"])
def test_importing_the_data_package_registers_the_name_in_either_order(first):
    second = {"keras_cnn_zoo.data": "tensorflow_datasets", "tensorflow_datasets": "keras_cnn_zoo.data"}[first]
    code = (
        f"import {first}, {second}\nimport tensorflow_datasets as tfds\n"
        "print(tfds.builder_cls('digit_scenes').name)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["digit_scenes"], done.stderr


@pytest.mark.slow
def test_the_embedded_set_needs_neither_tensorflow_nor_tensorflow_datasets():
    code = (
        "import os, sys\nos.environ['KERAS_BACKEND'] = 'jax'\n"
        "sys.modules['tensorflow'] = sys.modules['tensorflow_datasets'] = None\n"
        "from keras_cnn_zoo import data\n"
        "print(len(data.load(None, task='classification').splits['train']))\n"
        "try:\n    data.load('tfds:mnist', task='classification')\n"
        "except ValueError as error:\n    print(error)"
    )
    pytest.importorskip("jax")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    expected = ["1197", "tfds: needs the packages tensorflow and tensorflow-datasets. Missing: tensorflow"]
    assert done.stdout.splitlines() == expected, done.stderr
