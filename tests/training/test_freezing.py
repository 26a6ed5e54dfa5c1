"""`freeze`: which layers stay as they are in training, and what a run records."""

import json
import pathlib

import keras
import numpy as np
import pytest

from keras_cnn_zoo import models, tasks
from keras_cnn_zoo.training import freezing
from keras_cnn_zoo.utils.errors import InputError
from keras_cnn_zoo.utils.layer_tree import nested_layers

SIZE = (32, 32, 3)
BUILD = {
    "ResNet": lambda: models.ResNet(3, input_shape=SIZE, width=0.0625),
    "EfficientNetLite": lambda: models.EfficientNetLite(3, input_shape=SIZE, width=0.125),
    "VGG": lambda: models.VGG(3, input_shape=SIZE, width=0.0625, hidden=None),
    "DeepLab": lambda: models.DeepLab(3, input_shape=SIZE, width=0.0625),
    "UNet": lambda: models.UNet(3, input_shape=SIZE, width=0.0625, backbone="efficientnet_lite0"),
    "RetinaNet": lambda: models.RetinaNet(3, input_shape=(64, 64, 3), width=0.0625),
}


def trainable_names(model):
    """Returns the names of the layers of the backbone, or of the classifier, that train."""
    network = getattr(model, "backbone", None) or model
    return {layer.name for layer in network.layers if layer.trainable_weights}


@pytest.mark.parametrize("name", sorted(BUILD))
def test_a_frozen_backbone_trains_only_what_follows(name):
    model = BUILD[name]()
    freezing.apply(model, "backbone")
    if isinstance(model, models.classifier.Classifier):
        assert trainable_names(model) == {"logits"} and len(model.trainable_variables) == 2
    else:
        assert trainable_names(model) == set() and model.trainable_variables


@pytest.mark.parametrize("name", sorted(BUILD))
def test_a_level_freezes_the_stem_and_the_levels_up_to_it(name):
    model = BUILD[name]()
    before = trainable_names(model)
    freezing.apply(model, 2)
    frozen = before - trainable_names(model)
    network = getattr(model, "backbone", None) or model
    if name in ("EfficientNetLite", "UNet"):
        wanted = ("stem_", "stage_1_", "stage_2_")
    elif name == "VGG":
        wanted = ("block_1_", "block_2_", "block_3_")
    else:
        wanted = ("stem_", "stage_1_")
    assert frozen == {layer.name for layer in network.layers if layer.name.startswith(wanted)} & before
    assert any(layer.startswith(("stage_3_", "block_4_")) for layer in trainable_names(model))


def test_a_frozen_backbone_does_not_change_in_training():
    model = BUILD["DeepLab"]()
    freezing.apply(model, "backbone")
    before = [np.array(keras.ops.convert_to_numpy(weight)) for weight in model.backbone.weights]
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    images = np.random.default_rng(0).normal(size=(4, *SIZE)).astype("float32")
    model.fit(images, np.ones((4, 32, 32), "int32"), epochs=2, verbose=0)
    for old, weight in zip(before, model.backbone.weights, strict=True):
        np.testing.assert_array_equal(old, keras.ops.convert_to_numpy(weight), err_msg=weight.path)


@pytest.mark.parametrize("name", sorted(set(BUILD) - {"VGG"}))
def test_frozen_statistics_leave_the_kernels_of_the_backbone_to_train(name):
    model = BUILD[name]()
    backbone = getattr(model, "backbone", None) or model
    own = [part for part in nested_layers(backbone) if isinstance(part, keras.layers.BatchNormalization)]
    kernels = [variable for variable in backbone.trainable_variables if variable.path.endswith("kernel")]
    freezing.freeze_statistics(model)
    assert own and not any(part.trainable for part in own)
    assert kernels and all(variable.trainable for variable in kernels)
    if backbone is not model:
        # The parts that belong to the task learn their own statistics.
        normal = [part for part in nested_layers(model) if isinstance(part, keras.layers.BatchNormalization)]
        assert name == "RetinaNet" or any(part.trainable for part in normal)


def test_frozen_statistics_do_not_change_in_training():
    model = BUILD["UNet"]()
    freezing.freeze_statistics(model)
    moving = [weight for weight in model.backbone.weights if "moving" in weight.path]
    before = [np.array(keras.ops.convert_to_numpy(weight)) for weight in moving]
    kernel = np.array(keras.ops.convert_to_numpy(model.backbone.trainable_variables[0]))
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    images = np.random.default_rng(0).normal(size=(4, *SIZE)).astype("float32")
    model.fit(images, np.ones((4, 32, 32), "int32"), epochs=1, verbose=0)
    for old, weight in zip(before, moving, strict=True):
        np.testing.assert_array_equal(old, keras.ops.convert_to_numpy(weight), err_msg=weight.path)
    assert np.any(kernel != keras.ops.convert_to_numpy(model.backbone.trainable_variables[0]))


def test_frozen_statistics_need_a_backbone():
    with pytest.raises(InputError, match="`frozen_statistics`: LeNet5 has no backbone"):
        freezing.freeze_statistics(models.LeNet5(3))


@pytest.mark.parametrize("freeze", ["all", "6", -1, 6, 1.0, True, None])
def test_other_values_are_refused(freeze):
    with pytest.raises(InputError, match='`freeze` must be "none", "backbone", or a level from 0 to 5'):
        freezing.check(freeze)


def test_a_level_may_be_a_word_of_a_command():
    assert [freezing.check(freeze) for freeze in ("none", "backbone", "3", 0)] == ["none", "backbone", 3, 0]


def test_a_level_that_the_backbone_lacks_is_refused():
    with pytest.raises(InputError, match="the backbone has the levels P1, P2, P3, P4, P5. Received: 0"):
        freezing.apply(BUILD["ResNet"](), 0)


def test_a_model_without_a_backbone_is_refused():
    for model in (models.LeNet5(3), models.UNet(3, input_shape=SIZE, width=0.0625)):
        with pytest.raises(InputError, match=f"{type(model).__name__} has no backbone"):
            freezing.apply(model, "backbone")


def write_images(folder):
    """Writes eight random images of each of two classes."""
    image = pytest.importorskip("PIL.Image")
    draw = np.random.default_rng(0)
    for label in ("cat", "dog"):
        (folder / label).mkdir(parents=True)
        for number in range(8):
            pixels = draw.integers(0, 256, (32, 32, 3), dtype="uint8")
            image.fromarray(pixels).save(folder / label / f"{number}.png")


@pytest.mark.slow
def test_a_run_records_it_and_its_model_stays_frozen(tmp_path):
    write_images(tmp_path / "data")
    chosen = {
        "data": f"images:{tmp_path / 'data'}",
        "model": "resnet",
        "width": 0.0625,
        "image_size": (32, 32),
        "batch_size": 4,
        "epochs": 1,
        "freeze": "2",
        "out": str(tmp_path / "run"),
    }
    tasks.fit(tasks.Classification(), tasks.FitOptions(**chosen))
    config = json.loads(pathlib.Path(tmp_path / "run" / "config.json").read_text())
    assert config["freeze"] == 2
    loaded = keras.saving.load_model(tmp_path / "run" / "model.keras")
    assert not loaded.get_layer("stage_1_block_1").trainable
    assert loaded.get_layer("stage_2_block_1").trainable
    with pytest.raises(InputError, match="the run was started with freeze=2. Received: freeze=None"):
        tasks.fit(tasks.Classification(), tasks.FitOptions(**{**chosen, "freeze": "none", "resume": True}))
