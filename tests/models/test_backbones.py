"""Models with backbones: any network, saved, loaded, and as a preset."""

import json
import pathlib
import shutil
import zipfile

import keras
import numpy as np
import pytest
from keras import layers

from keras_cnn_zoo import models, presets
from keras_cnn_zoo.models import backbones
from keras_cnn_zoo.utils.errors import InputError
from tests.compatibility.outputs import sampled
from tests.presets.preset_files import edit_manifest
from tests.testing.test_backbone import pyramid

# Blocks of Keras' EfficientNetV2B0 after which the map is halved.
EFFICIENT_NET = {
    "P1": "block1a_project_activation",
    "P2": "block2b_add",
    "P3": "block3b_add",
    "P4": "block5e_add",
    "P5": "top_activation",
}


def of_keras():
    """Returns a network of Keras with levels, as a user would build it."""
    whole = keras.applications.EfficientNetV2B0(include_top=False, weights=None, input_shape=(None, None, 3))
    levels = {level: whole.get_layer(name).output for level, name in EFFICIENT_NET.items()}
    return keras.Model(whole.input, levels)


def deep():
    """Returns a small user's network with all levels."""
    inputs = keras.Input((None, None, 3))
    x, outputs = inputs, {}
    for number in range(1, 6):
        x = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", name=f"stage_{number}")(x)
        outputs[f"P{number}"] = x
    return keras.Model(inputs, outputs)


SIZE = (64, 96, 3)
SMALL = {
    "UNet": lambda backbone: models.UNet(3, width=0.0625, backbone=backbone),
    "FCN": lambda backbone: models.FCN(3, backbone=backbone),
    "DeepLab": lambda backbone: models.DeepLab(3, width=0.0625, output_stride=32, backbone=backbone),
    "RetinaNet": lambda backbone: models.RetinaNet(3, input_shape=SIZE, width=0.0625, backbone=backbone),
    "FasterRCNN": lambda backbone: models.FasterRCNN(3, input_shape=SIZE, width=0.0625, backbone=backbone),
}


@pytest.fixture
def images():
    return np.random.default_rng(0).uniform(-1, 1, (1, 70, 90, 3)).astype("float32")


@pytest.mark.parametrize("name", sorted(SMALL))
def test_a_users_network_can_be_saved_and_become_a_preset(name, images, tmp_path):
    model = SMALL[name](deep())
    detects = isinstance(model.output, dict)
    images = images[:, : SIZE[0], : SIZE[1]] if not detects else np.zeros((1, *SIZE), "float32")

    def answer(network):
        return np.concatenate(list(sampled(network(images, training=False)).values()))

    expected = answer(model)
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(answer(keras.saving.load_model(tmp_path / "model.keras")), expected)
    model.save_to_preset(tmp_path / "preset")
    preset = models.from_preset(tmp_path / "preset")
    if not detects:
        # Half precision changes the scores that decide which boxes are kept.
        np.testing.assert_allclose(answer(preset), expected, atol=5e-3)
    assert [weight.shape for weight in preset.weights] == [weight.shape for weight in model.weights]


@pytest.mark.slow
def test_a_network_of_keras_trains_and_can_be_loaded(images, tmp_path):
    body = of_keras()
    assert {name: level.stride for name, level in backbones.levels_of(body).items()} == {
        f"P{number}": 2**number for number in range(1, 6)
    }
    model = models.FCN(3, backbone=body)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
    model.train_on_batch(images, np.zeros((1, 70, 90), "int32"))
    expected = keras.ops.convert_to_numpy(model(images))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(loaded(images)), expected)
    model.save_to_preset(tmp_path / "preset")
    preset = models.from_preset(tmp_path / "preset", num_classes=5)
    assert preset(images).shape == (1, 70, 90, 5)


def test_a_network_without_dilation_refuses_a_smaller_stride_in_one_line():
    with pytest.raises(
        ValueError,
        match="`backbone` must take .* and have an output stride of 16; set `output_stride` to 32. Received",
    ) as refusal:
        models.DeepLab(3, backbone=deep())
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "build",
    [
        # No stride helps where the channels do not fit, or the model takes no other stride.
        lambda: models.DeepLab(3, input_shape=(None, None, 1), backbone=deep()),
        lambda: models.FCN(3, variant="8s", backbone=pyramid()),
    ],
)
def test_another_stride_is_proposed_only_where_it_helps(build):
    with pytest.raises(ValueError, match="have an output stride of [0-9]+. Received"):
        build()


@pytest.mark.parametrize("backbone", ["resnet18", pyramid()], ids=["name", "three levels"])
def test_a_unet_uses_the_levels_of_a_backbone(backbone, images):
    model = models.UNet(2, width=0.0625, backbone=backbone, class_names=("a", "b"))
    assert model(images).shape == (1, 70, 90, 2)
    names = [layer.name for layer in model.layers]
    assert "up_1_join" in names and "out_crop" in names and not any(name.startswith("down") for name in names)


@pytest.mark.parametrize("arguments", [{"depth": 3}, {"padding": "valid"}])
def test_a_unet_with_a_backbone_refuses_depth_and_padding(arguments):
    with pytest.raises(ValueError, match="`depth` must be None and `padding` .same. with a backbone"):
        models.UNet(2, backbone="resnet18", width=0.0625, **arguments)


def test_a_config_has_the_backbones_arguments_and_no_weights():
    backbone = models.ResNet(variant="18", width=0.0625, features_only=True)
    config = models.FCN(2, backbone=backbone).get_config()["backbone"]
    assert (config["class_name"], config["config"]["variant"]) == ("ResNet", "18")
    assert models.FCN(2, backbone="resnet34", width=0.0625).get_config()["backbone"] == "resnet34"


def test_a_unet_refuses_levels_whose_strides_do_not_divide_each_other():
    inputs = keras.Input((None, None, 3))
    levels = {f"P{n}": layers.Conv2D(4, 3, strides=n, padding="same")(inputs) for n in (2, 5)}
    with pytest.raises(
        ValueError, match="strides divide the next stride. Received: strides=.'P2': 2, 'P5': 5"
    ):
        models.UNet(2, width=0.0625, backbone=keras.Model(inputs, levels))


def test_a_preset_keeps_the_input_of_a_network_and_drops_its_freezing(tmp_path):
    inputs = keras.Input((None, None, 3), dtype="uint8")
    x = layers.Rescaling(1 / 255)(inputs)
    x = layers.Conv2D(4, 3, strides=32, padding="same", trainable=False)(x)
    model = models.FCN(2, variant="32s", backbone=keras.Model(inputs, {"P5": x}))
    model.save_to_preset(tmp_path / "preset")
    loaded = models.from_preset(tmp_path / "preset")
    assert loaded.backbone.input.dtype == "uint8"
    assert len(loaded.backbone.trainable_weights) == 2


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    """A preset of a classifier with other preprocessing, for gray and color images of any size."""
    path = tmp_path_factory.mktemp("pretrained") / "classifier"
    model = models.EfficientNetLite(4, width=0.125)
    model.preprocessing = {"mean": [120.0, 110.0, 100.0], "std": [60.0, 55.0, 50.0]}
    model.save_to_preset(path)
    return path


@pytest.mark.parametrize("name", sorted(set(SMALL) - {"UNet"}))
def test_a_backbone_is_loaded_from_a_preset_with_its_preprocessing(name, pretrained, images, tmp_path):
    strides = {"output_stride": 16} if name == "DeepLab" else {}
    model = (
        SMALL[name](str(pretrained))
        if not strides
        else models.DeepLab(3, width=0.0625, backbone=str(pretrained), **strides)
    )
    source = models.from_preset(pretrained, features_only=True)
    for own, wanted in zip(model.backbone.weights, source.weights, strict=True):
        np.testing.assert_array_equal(own.numpy(), wanted.numpy())
    assert model.preprocessing == source.preprocessing
    config = model.get_config()
    assert config["backbone"]["class_name"] == "EfficientNetLite"
    assert config["preprocessing"] == source.preprocessing
    model.save(tmp_path / "model.keras")
    model.save_to_preset(tmp_path / "preset")
    pretrained.rename(pretrained.with_name("gone"))
    try:
        # Neither a config nor a file needs the preset.
        again = type(model).from_config(config)
        saved = keras.saving.load_model(tmp_path / "model.keras")
        preset = models.from_preset(tmp_path / "preset")
    finally:
        pretrained.with_name("gone").rename(pretrained)
    for other in (again, saved, preset):
        assert other.preprocessing == model.preprocessing
        assert other.backbone.preprocessing == model.preprocessing
    np.testing.assert_array_equal(saved.backbone.weights[0].numpy(), model.backbone.weights[0].numpy())


def test_a_backbone_can_be_given_as_a_path(pretrained):
    model = models.FCN(2, width=0.0625, backbone=pretrained)
    named = models.FCN(2, width=0.0625, backbone=str(pretrained))
    built = backbones.build(pretrained, (64, 64, 3))
    for body in (model.backbone, built.model):
        np.testing.assert_array_equal(body.weights[0].numpy(), named.backbone.weights[0].numpy())
    # The config has the network, not the path.
    assert json.loads(json.dumps(model.get_config()))["backbone"]["class_name"] == "EfficientNetLite"
    with pytest.raises(ValueError, match="a preset, None, or a model .* Received: .*nowhere"):
        models.FCN(2, backbone=pathlib.Path("nowhere"))


SPECS = [
    "hf://USER/REPO",
    "keras/ResNet50",
    "timm/resnet18.a1_in1k",
    "torchvision/resnet50",
    "resnet18_cifar10",
]


@pytest.mark.parametrize("spec", [*SPECS, pathlib.Path("preset")])
def test_a_config_that_names_weights_is_refused_and_nothing_is_loaded(spec, monkeypatch, tmp_path):
    def loads(*arguments, **options):
        raise AssertionError("it was loaded")

    model = models.FCN(2, width=0.0625, backbone="resnet18")
    config = model.get_config()
    message = "`backbone` must be the config of a network, None, or one of .*, in the config of a model"
    monkeypatch.setattr(presets, "load", loads)
    assert models.FCN.from_config(config).get_config()["backbone"] == "resnet18"
    for name in ("FCN", "DeepLab", "UNet", "RetinaNet", "FasterRCNN"):
        with pytest.raises(ValueError, match=message):
            getattr(models, name).from_config({"num_classes": 2, "backbone": spec})
    inner = {**keras.saving.serialize_keras_object(model), "config": {**config, "backbone": spec}}
    with pytest.raises(ValueError, match=message):
        models.FCN.from_config({**config, "backbone": inner})
    if not isinstance(spec, str):
        return
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    changed = contents["config.json"].replace(b'"backbone": "resnet18"', f'"backbone": "{spec}"'.encode())
    assert changed != contents["config.json"]
    with zipfile.ZipFile(tmp_path / "changed.keras", "w") as archive:
        for name, content in {**contents, "config.json": changed}.items():
            archive.writestr(name, content)
    # Keras wraps the error.
    with pytest.raises(Exception, match=message):
        keras.saving.load_model(tmp_path / "changed.keras")


def test_a_preset_with_another_kind_of_input_shape_is_refused_in_one_line(pretrained, tmp_path):
    path = shutil.copytree(pretrained, tmp_path / "preset")
    for shape in (5, {"a": 1}, "abc"):
        edit_manifest(path, lambda manifest, shape=shape: manifest["config"].update(input_shape=shape))
        # The shape of the whole model takes its place.
        assert backbones.resolve(path, (64, 64, 3)).input_shape == (None, 64, 64, 3)
        with pytest.raises(InputError, match="cannot be built from its arguments: `input_shape` must be"):
            backbones.resolve(path)


def test_an_unknown_name_of_a_backbone_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="'efficientnet_lite0'.*, a preset, None, or a model"):
        models.FCN(2, backbone="resnet19")


def test_fresh_weights_have_the_usual_preprocessing():
    model = models.FCN(2, width=0.0625, backbone="efficientnet_lite0")
    assert model.preprocessing == models.FCN.preprocessing and "preprocessing" not in model.get_config()


@pytest.mark.parametrize("spec", ["resnet18", "resnet18_cifar10", None])
def test_weights_belong_to_a_spec_that_is_downloaded(spec):
    with pytest.raises(InputError, match="`weights` replaces the download of a `backbone` or `preset`"):
        backbones.build(spec, (64, 64, 3), weights="file.h5")


def test_a_spec_of_another_collection_is_refused_in_one_line():
    for spec in ("keras/resnet50", "kerashub/resnet18", "timm/resnet18", "torchvision/vit"):
        with pytest.raises(InputError, match=f"Preset '{spec}': ") as caught:
            models.FCN(2, backbone=spec)
        assert "\n" not in str(caught.value)
