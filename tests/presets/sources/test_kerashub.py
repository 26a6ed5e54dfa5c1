"""Backbones of KerasHub, without a network and with random weights."""

import json
import shutil
import sys

import keras
import numpy as np
import pytest

from keras_cnn_zoo import models, presets
from keras_cnn_zoo.models import backbones
from keras_cnn_zoo.presets.sources import kerashub
from keras_cnn_zoo.utils.errors import InputError
from tests.presets.preset_files import edit_manifest

NAME = "resnet_18_imagenet"
SPEC = f"kerashub/{NAME}"
IMAGES = np.random.default_rng(1).integers(0, 256, (1, 64, 96, 3)).astype("float32")
SCALE, OFFSET = [0.02, 0.015, 0.03], [-2.0, -1.5, -2.5]
# Small networks of each class. The first stage of a ResNet must have 64 channels.
RESNET = {
    "input_conv_filters": [64],
    "input_conv_kernel_sizes": [7],
    "stackwise_num_filters": [64, 8, 12, 16],
    "stackwise_num_blocks": [1, 1, 1, 1],
    "stackwise_num_strides": [1, 2, 2, 2],
    "block_type": "basic_block",
}
SMALL = {
    "ResNetBackbone": {**RESNET, "block_type": "bottleneck_block", "use_pre_activation": True},
    "DenseNetBackbone": {"stackwise_num_repeats": [1, 1, 1, 1], "growth_rate": 4},
    "CSPNetBackbone": {
        "stem_filters": 8,
        "stem_kernel_size": 7,
        "stem_strides": 4,
        "stem_pooling": "max",
        "stackwise_depth": [1, 1, 1, 1],
        "stackwise_strides": [1, 2, 2, 2],
        "stackwise_num_filters": [8, 12, 16, 20],
        "block_type": "bottleneck_block",
        "stage_type": "csp",
        "bottle_ratio": [0.5],
        "expand_ratio": [2.0],
        "cross_linear": True,
    },
    "EfficientNetBackbone": {
        "stackwise_width_coefficients": [0.25] * 5,
        "stackwise_depth_coefficients": [1.0] * 5,
        "stackwise_kernel_sizes": [3, 3, 5, 3, 5],
        "stackwise_num_repeats": [1, 1, 1, 1, 1],
        "stackwise_input_filters": [32, 16, 24, 40, 80],
        "stackwise_output_filters": [16, 24, 40, 80, 112],
        "stackwise_expansion_ratios": [1, 4, 6, 6, 6],
        "stackwise_strides": [1, 2, 2, 2, 2],
        "stackwise_squeeze_and_excite_ratios": [0, 0, 0.25, 0.25, 0.25],
        "stackwise_block_types": ["v1", "fused", "v1", "unfused", "v1"],
        "num_features": 128,
    },
}


@pytest.fixture(scope="module")
def hub():
    return pytest.importorskip("keras_hub", reason="the package keras-hub is not installed")


def drawn(network):
    """Draws the statistics of normalizations, which are zero and one in a new network."""
    rng = np.random.default_rng(0)
    for weight in network.weights:
        if weight.name in ("gamma", "moving_variance"):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        elif weight.name in ("beta", "moving_mean"):
            weight.assign(rng.normal(0, 0.1, weight.shape))
    return network


@pytest.fixture(scope="module")
def small(hub, tmp_path_factory):
    """A small network of KerasHub, and a folder with its preset."""
    folder = tmp_path_factory.mktemp("kerashub") / NAME
    original = drawn(hub.models.ResNetBackbone(**RESNET))
    original.save_to_preset(str(folder))
    hub.layers.ResNetImageConverter(scale=SCALE, offset=OFFSET).save_to_preset(str(folder))
    return original, folder


@pytest.fixture
def damaged(small, tmp_path):
    """A private copy to damage."""
    return shutil.copytree(small[1], tmp_path / "copy")


@pytest.fixture
def offline(monkeypatch):
    """No download, whatever Kaggle's client would do."""

    def fails(*args, **kwargs):
        raise ConnectionError("no network\nmore")

    monkeypatch.setattr(pytest.importorskip("kagglehub"), "model_download", fails)


def levels(network, images=IMAGES):
    mean, std = (np.asarray(network.preprocessing[key], "float32") for key in ("mean", "std"))
    found = network((images - mean) / std, training=False)
    return {name: keras.ops.convert_to_numpy(level) for name, level in found.items()}


def test_values_are_those_of_kerashub(hub, small, offline):
    original, folder = small
    network = presets.load(SPEC, weights=folder, features_only=True)
    prepared = hub.layers.ImageConverter.from_preset(str(folder))(IMAGES)
    pyramid = keras.Model(original.input, original.pyramid_outputs)(prepared, training=False)
    found = levels(network)
    assert list(found) == ["P2", "P3", "P4", "P5"]
    for name, level in found.items():
        wanted = keras.ops.convert_to_numpy(pyramid[name])
        np.testing.assert_allclose(level, wanted, atol=1e-4 * np.abs(wanted).max())
    # The file itself names the same folder.
    again = presets.load(SPEC, weights=folder / "model.weights.h5", features_only=True)
    np.testing.assert_array_equal(levels(again)["P5"], found["P5"])


@pytest.mark.parametrize(
    ("name", "channels"),
    [
        ("ResNetBackbone", {"P2": 256, "P3": 32, "P4": 48, "P5": 64}),
        # Half of the channels pass a transition; a block adds four.
        ("DenseNetBackbone", {"P2": 68, "P3": 38, "P4": 23, "P5": 15}),
        pytest.param(
            "CSPNetBackbone", {"P2": 8, "P3": 12, "P4": 16, "P5": 20}, marks=pytest.mark.slow, id="CSPNet"
        ),
        # A quarter of 16, 24, 40, 80, and of the last features: multiples of eight.
        pytest.param(
            "EfficientNetBackbone",
            {"P1": 8, "P2": 8, "P3": 8, "P4": 24, "P5": 32},
            marks=pytest.mark.slow,
            id="EfficientNet",
        ),
    ],
)
def test_each_class_has_levels_of_any_image_size(hub, name, channels):
    original = drawn(getattr(hub.models, name)(**SMALL[name]))
    network = kerashub.KerasHubNetwork(name, SMALL[name], {"mean": 0.0, "std": 1.0}, original=original)
    found = backbones.levels_of(network)
    assert {level: fact.channels for level, fact in found.items()} == channels
    odd = network.compute_output_shape((1, 133, 101, 3))
    for level, fact in found.items():
        assert fact.stride == 2 ** int(level[1])
        # Rounded up, so that a level is never smaller than the next one made twice as large.
        assert odd[level][1:3] == (-(-133 // fact.stride), -(-101 // fact.stride))
    wanted = keras.Model(original.input, original.pyramid_outputs)(IMAGES / 128 - 1, training=False)
    for value in network(IMAGES / 128 - 1, training=False).values():
        same = [other for other in wanted.values() if other.shape == value.shape]
        assert any(np.allclose(value, other, atol=1e-5 * np.abs(other).max()) for other in same)


def test_the_table_has_every_class_that_takes_any_image(hub):
    """A new class of KerasHub with levels has to be entered, or named here with the reason."""
    base = hub.models.FeaturePyramidBackbone
    found = {
        name
        for name, part in vars(hub.models).items()
        if isinstance(part, type) and issubclass(part, base) and part is not base
    }
    # DINO has no maps, MiT one size of images, and RetinaNet multiples of 128 only.
    assert found - {"DINOV2Backbone", "DINOV3Backbone", "MiTBackbone", "RetinaNetBackbone"} == set(
        kerashub.NETWORKS
    )


def test_a_download_is_used_and_a_failed_one_names_the_way_out(small, offline, monkeypatch):
    with pytest.raises(InputError, match=f"'{SPEC}': the download .*no network.*`weights`") as caught:
        presets.load(SPEC, features_only=True)
    assert "\n" not in str(caught.value)
    asked = []

    def download(handle, path):
        asked.append((handle, path))
        return str(small[1] / path)

    monkeypatch.setattr(sys.modules["kagglehub"], "model_download", download)
    network = presets.load(SPEC, features_only=True)
    np.testing.assert_allclose(network.preprocessing["mean"], [100.0, 100.0, 250 / 3])
    np.testing.assert_allclose(network.preprocessing["std"], [50.0, 200 / 3, 100 / 3])
    assert [path for _, path in asked] == ["config.json", "image_converter.json", "model.weights.h5"]
    assert all(handle.startswith("keras/resnetv1/keras/resnet_18_imagenet/") for handle, _ in asked)


def test_the_older_form_of_a_converter_is_read():
    found = kerashub._preprocessing(
        "p", {"scale": 1 / 255, "mean": [0.5, 0.4, 0.3], "variance": [0.04, 0.09, 0.16]}
    )
    np.testing.assert_allclose(found["mean"], [127.5, 102.0, 76.5])
    np.testing.assert_allclose(found["std"], [51.0, 76.5, 102.0])
    assert kerashub._preprocessing("p", {"scale": None, "offset": None})["std"] == [1.0] * 3
    for bad in ({"scale": 0}, {"scale": "x"}, {"offset": [1, 2]}, {"scale": 10**400}):
        with pytest.raises(InputError, match="image_converter.json must have"):
            kerashub._preprocessing("p", bad)


def refused(match, spec=SPEC, **arguments):
    with pytest.raises(InputError, match=match) as caught:
        presets.load(spec, features_only=True, **arguments)
    assert "\n" not in str(caught.value)


def test_wrong_names_are_refused(small, tmp_path):
    refused(
        "no such preset in KerasHub; did you mean kerashub/resnet_18_imagenet", "kerashub/resnet18_imagenet"
    )
    refused("it has no levels: a backbone must be a CSPNetBackbone", "kerashub/bert_tiny_en_uncased")
    refused("none does not exist", weights=tmp_path / "none")
    with pytest.raises(InputError, match="has no head: it is the backbone of a model"):
        presets.load(SPEC, weights=small[1])


def changed(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_damaged_and_foreign_files_are_refused(damaged):
    weights, config = damaged / "model.weights.h5", damaged / "config.json"
    whole, content = weights.read_bytes(), config.read_text()
    weights.write_bytes(whole[: len(whole) // 2])
    refused("model.weights.h5 cannot be read as weights of this network", weights=damaged)
    models.LeNet5(3).save_weights(weights)
    refused("model.weights.h5 cannot be read as weights of this network", weights=weights)
    weights.write_bytes(whole)
    config.write_text(content[:100])
    refused("config.json is not valid JSON", weights=damaged)
    config.write_text("[]")
    refused("config.json must have an object with a class_name", weights=damaged)
    for change, match in (
        (
            lambda one: one.update(class_name="DenseNetBackbone"),
            "must be of a ResNetBackbone. Received: 'Dense",
        ),
        (lambda one: one["config"].update(stackwise_num_blocks=[1]), "config.json: ResNetBackbone cannot be"),
        # What Keras would build, or look up.
        (lambda one: one["config"].update(block_type={"class_name": "Lambda"}), "`arguments` must be a dict"),
        (lambda one: one["config"].update(block_type="keras_hub>Backbone"), "`arguments` must be a dict"),
    ):
        config.write_text(content)
        changed(config, change)
        refused(match, weights=damaged)
    config.write_text(content)
    (damaged / "image_converter.json").unlink()
    refused("`weights` must be a folder with .*, without image_converter.json", weights=weights)


def test_a_model_on_it_needs_neither_the_network_nor_the_file_again(small, damaged, offline, tmp_path):
    body = presets.load(SPEC, weights=damaged, features_only=True)
    shutil.rmtree(damaged)
    model = models.FCN(3, backbone=body)
    assert model.preprocessing == body.preprocessing
    images = np.random.default_rng(0).uniform(-1, 1, (1, 70, 90, 3)).astype("float32")
    expected = keras.ops.convert_to_numpy(model(images, training=False))
    model.save(tmp_path / "model.keras")
    model.save_to_preset(tmp_path / "preset")
    # Layers that Keras numbers must not depend on what the session made before.
    keras.layers.BatchNormalization()
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(loaded(images, training=False)), expected)
    preset = models.from_preset(tmp_path / "preset", num_classes=5)
    assert preset(images).shape == (1, 70, 90, 5)
    config = model.get_config()
    assert config["backbone"]["class_name"] == "KerasHubNetwork"
    assert config["backbone"]["config"]["network"] == "ResNetBackbone"
    body.trainable = False
    assert models.FCN.from_config(model.get_config()).get_config()["frozen"] == [NAME]
    # A preset may not name another class, or what is not an argument.
    for change, match in (
        (lambda one: one.update(network="Backbone"), "`network` must be one of CSPNetBackbone"),
        (lambda one: one["arguments"].update(block_type="a>b"), "must not name a registered object"),
    ):
        copy = shutil.copytree(tmp_path / "preset", tmp_path / match[:12].strip("` "))
        edit_manifest(copy, lambda one, change=change: change(one["config"]["backbone"]["config"]))
        with pytest.raises(InputError, match=match):
            models.from_preset(copy)


def test_a_missing_package_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    refused(r'needs the package keras-hub: pip install "keras-cnn-zoo\[hub\]"$', weights=tmp_path)
