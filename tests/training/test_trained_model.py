"""Models that are found again, from files in place of a download."""

import types

import numpy as np
import pytest

from keras_cnn_zoo import models, presets, tasks, training
from keras_cnn_zoo.presets.sources import torch_files
from keras_cnn_zoo.training.options import FitOptions
from keras_cnn_zoo.training.start import starting_model
from keras_cnn_zoo.training.trained_model import TrainedModel, load_model
from keras_cnn_zoo.utils.errors import InputError
from tests.data.readers.test_yolo import SQUARE, ultralytics, write
from tests.presets.preset_files import CARD, small_lenet

SPEC = "hf://me/digits"


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A folder with a preset of 16 x 16 images and three classes, and an archive with such images."""
    folder = tmp_path_factory.mktemp("digits")
    arrays = {}
    for name in ("train", "val", "test"):
        arrays[f"x_{name}"] = np.random.default_rng(0).integers(0, 255, size=(6, 16, 16)).astype("uint8")
        arrays[f"y_{name}"] = np.arange(6) % 3
    np.savez(folder / "data.npz", **arrays)
    small_lenet().save_to_preset(folder / "preset", card={**CARD, "data_spec": f"npz:{folder / 'data.npz'}"})
    return folder


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    def fails(*args, **kwargs):
        raise AssertionError("a download")

    monkeypatch.setattr("keras_cnn_zoo.presets.sources.hub._folder", fails)
    monkeypatch.setattr("keras_cnn_zoo.presets.sources.hub.file", fails)


def test_a_preset_of_the_hub_is_measured_from_its_files(digits):
    task, path = tasks.Classification(), str(digits / "preset")
    found = load_model(task, preset=SPEC, weights=path)
    own = load_model(task, preset=path)
    assert (found.spec, found.seed) == (own.spec, own.seed) == (f"npz:{digits / 'data.npz'}", 3)
    np.testing.assert_array_equal(found.model.get_weights()[0], own.model.get_weights()[0])
    measured = training.evaluate(task, preset=SPEC, weights=path)
    assert measured == training.evaluate(task, preset=path)


def test_a_preset_of_the_hub_is_trained_from_its_files(digits):
    task, path = tasks.Classification(), str(digits / "preset")
    source = task.load(f"npz:{digits / 'data.npz'}")
    options = FitOptions(preset=SPEC, weights=path)
    options.check()
    model = starting_model(task, source, options)
    # The names of the classes differ, so the head is new, and the body is that of the files.
    assert model.class_names == source.class_names
    np.testing.assert_array_equal(model.get_weights()[0], presets.load(path).get_weights()[0])
    assert options.record(task)["weights"] == path


def test_a_classifier_of_another_collection_is_a_preset_without_a_card(digits, tmp_path, monkeypatch):
    pytest.importorskip("safetensors")
    # A small network in place of ResNet-18.
    small = {"resnet18": (models.ResNet, {"variant": "18", "width": 0.0625})}
    monkeypatch.setattr(torch_files, "_networks", lambda: small)
    path = str(tmp_path / "model.safetensors")
    original = written(models.ResNet(3, **small["resnet18"][1]), path)
    task, spec = tasks.Classification(), "timm/resnet18.mine"
    found = load_model(task, preset=spec, weights=path)
    np.testing.assert_array_equal(found.model.get_weights()[0], original.get_weights()[0])
    assert not found.has_data and found.splits() == {}
    source = task.load(f"npz:{digits / 'data.npz'}")
    model = starting_model(task, source, FitOptions(preset=spec, weights=path))
    assert model.class_names == source.class_names
    np.testing.assert_array_equal(model.get_weights()[0], original.get_weights()[0])
    with pytest.raises(InputError, match="`preset` timm/resnet18.mine is a ResNet, not a model of segm"):
        starting_model(tasks.Segmentation(), source, FitOptions(preset=spec, weights=path))


def written(model, path):
    """Writes the weights of a network under the names of timm."""
    from safetensors.numpy import save_file

    state = {}
    for name, variable in model.torch_weights().items():
        value = np.asarray(variable)
        state[name] = np.ascontiguousarray(value.transpose(3, 2, 0, 1) if value.ndim == 4 else value.T)
    save_file(state, path)
    return model


def test_a_preset_without_a_head_is_refused(digits, tmp_path):
    models.EfficientNetLite(features_only=True, width=0.125).save_to_preset(tmp_path / "body")
    path, task = str(tmp_path / "body"), tasks.Classification()
    with pytest.raises(InputError, match="`preset` .*body has no head: it is the `backbone` of a model"):
        load_model(task, preset=path)
    with pytest.raises(InputError, match="`preset` .*body has no head: it is the `backbone` of a model"):
        starting_model(task, task.load(f"npz:{digits / 'data.npz'}"), FitOptions(preset=path))


def test_weights_belong_to_a_preset_that_is_downloaded():
    for given, match in (
        ({"run": "runs/a"}, "`weights` and `run` exclude each other: the run runs/a has its own weights"),
        ({"preset": "lenet5_mnist"}, "`weights` replaces the download of .* Received: 'lenet5_mnist'"),
    ):
        with pytest.raises(InputError, match=match):
            load_model(tasks.Classification(), weights="file", **given)
    with pytest.raises(InputError, match="Received: 'lenet5_mnist' with weights='file'"):
        FitOptions(preset="lenet5_mnist", weights="file").check()


def test_an_empty_run_or_preset_is_refused(tmp_path, monkeypatch):
    task = tasks.Classification()
    monkeypatch.chdir(tmp_path)
    # An empty path would be the current folder.
    (tmp_path / "config.json").write_text("{}")
    for name in ("run", "preset"):
        with pytest.raises(InputError, match=f"`{name}` must not be empty"):
            load_model(task, **{name: ""})
        with pytest.raises(InputError, match=f"`{name}` must not be empty"):
            training.evaluate(task, **{name: ""})
    for given in ({}, {"run": "runs/a", "preset": "lenet5_mnist"}):
        with pytest.raises(InputError, match="give exactly one of `run` and `preset`"):
            load_model(task, **given)


def test_a_preset_brings_the_arguments_of_its_task(tmp_path):
    given = {"turns": True, "scale": [0.8, 1.2]}
    model = models.RetinaNet(2, input_shape=(64, 64, 3), width=0.125)
    presets.save(model, tmp_path / "preset", card={**CARD, "task_options": given})
    found = load_model(tasks.Detection(), preset=str(tmp_path / "preset"))
    assert found.task_options == given
    task = tasks.Detection().configured(**found.task_options)
    assert task.turns and task.scale == (0.8, 1.2)
    with pytest.raises(InputError, match="`task_options` must be a dict or None"):
        presets.save(model, tmp_path / "other", card={**CARD, "task_options": "turns"})


def test_classes_are_named_by_the_model_and_in_recorded_data_as_they_were():
    model = types.SimpleNamespace(class_names=("a", "b"))
    trained = TrainedModel(model, has_data=True, spec="npz:x", data_options={"class_names": "a,b"})
    assert trained.naming("npz:x") == {"model_names": ("a", "b"), "class_names": "a,b"}
    assert trained.naming("npz:y") == {"model_names": ("a", "b"), "class_names": None}
    assert trained.naming(None) == {} == TrainedModel(types.SimpleNamespace()).naming("npz:y")


def test_a_segmenter_is_measured_on_polygons_whose_file_does_not_name_the_background(tmp_path):
    pytest.importorskip("pycocotools")
    ultralytics(tmp_path / "data", lines=SQUARE)
    names = ("background", "cat", "dog")
    models.FCN(3, backbone="vgg11", width=0.02, class_names=names).save_to_preset(tmp_path / "preset")
    task, preset, spec = tasks.Segmentation(), str(tmp_path / "preset"), f"yolo:{tmp_path / 'data'}"
    assert tasks.evaluate(task, preset=preset, data=spec)["examples"] == 1
    write(tmp_path / "data", "train: images/train\nnames: [dog, cat]\n")
    with pytest.raises(InputError, match="class 1 is 'dog' in .*data.yaml, but 'cat' in the model"):
        tasks.evaluate(task, preset=preset, data=spec)
