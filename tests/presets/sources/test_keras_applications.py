"""Networks of `keras.applications` as backbones, without a network and with random weights."""

import sys
import zipfile

import h5py
import keras
import numpy as np
import pytest

from keras_cnn_zoo import models, presets
from keras_cnn_zoo.models import backbones
from keras_cnn_zoo.presets.sources import keras_applications
from keras_cnn_zoo.presets.sources.keras_networks import NETWORKS
from keras_cnn_zoo.utils.errors import InputError

# Channels of the levels, from the papers' tables, the finest level first. Keras' stem of MobileNetV3 and the
# first level of ResNetV2 and DenseNet are before the first block.
CHANNELS = {
    "MobileNetV2": (16, 24, 32, 96, 320),
    "MobileNetV3Small": (16, 16, 24, 48, 96),
    "VGG16": (64, 128, 256, 512, 512, 512),
    "ConvNeXtTiny": (96, 192, 384, 768),
    "DenseNet121": (64, 256, 512, 1024, 1024),
    "EfficientNetB0": (16, 24, 40, 112, 320),
    "EfficientNetB3": (24, 32, 48, 136, 384),
    "EfficientNetV2B0": (16, 32, 48, 112, 192),
    "EfficientNetV2S": (24, 48, 64, 160, 256),
    "InceptionResNetV2": (64, 192, 320, 1088, 2080),
    "InceptionV3": (64, 192, 288, 768, 2048),
    "MobileNet": (64, 128, 256, 512, 1024),
    "MobileNetV3Large": (16, 24, 40, 112, 160),
    "NASNetMobile": (32, 44, 264, 528, 1056),
    "ResNet50": (64, 256, 512, 1024, 2048),
    "ResNet50V2": (64, 256, 512, 1024, 2048),
    "ResNet101V2": (64, 256, 512, 1024, 2048),
    "Xception": (64, 128, 256, 728, 2048),
}
FAST = ("MobileNetV2", "MobileNetV3Small", "VGG16")
EVERY_NETWORK = [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in CHANNELS]


def operation_of(tensor):
    return tensor._keras_history.operation


def sources_of(operation):
    return [parent.operation for node in operation._inbound_nodes for parent in node.parent_nodes]


def all_paths_lead_through(last, middle):
    """Returns whether the network's input cannot be reached backwards from `last` without `middle`."""
    waiting, seen = [last], set()
    while waiting:
        operation = waiting.pop()
        if operation is middle or id(operation) in seen:
            continue
        seen.add(id(operation))
        if isinstance(operation, keras.layers.InputLayer):
            return False
        waiting += sources_of(operation)
    return True


@pytest.mark.parametrize("name", EVERY_NETWORK)
def test_levels_are_outputs_of_blocks(name):
    network = keras_applications.KerasNetwork(name)
    levels = backbones.levels_of(network)
    assert tuple(level.channels for level in levels.values()) == CHANNELS[name]
    small, large = (network.compute_output_shape((1, size, size, 3)) for size in (256, 1024))
    odd = network.compute_output_shape((1, 133, 101, 3))
    last = operation_of(network.output["P5"])
    for level, tensor in network.output.items():
        stride = 2 ** int(level[1])
        assert large[level][1] - small[level][1] == (1024 - 256) // stride == 768 // levels[level].stride
        # Rounded up, so that a level is never smaller than the next one made twice as large.
        assert odd[level][1:3] == (-(-133 // stride), -(-101 // stride))
        operation = operation_of(tensor)
        assert not isinstance(operation, keras.layers.ZeroPadding2D)
        assert not any(
            word in operation.name for word in ("expand_", "depthwise", "dwconv", "_pad", "squeeze")
        )
        if name.startswith("NASNet") and level in ("P2", "P3", "P4"):
            # Each cell takes the outputs of the two cells before it: a block's output joins its branches.
            assert isinstance(operation, keras.layers.Concatenate)
        else:
            assert all_paths_lead_through(last, operation)


def test_a_branch_and_an_expansion_are_told_apart_from_a_block():
    network = keras_applications.KerasNetwork("MobileNetV2")
    last = operation_of(network.output["P5"])
    assert not all_paths_lead_through(last, network.get_layer("block_2_expand"))
    assert all_paths_lead_through(last, network.get_layer("block_2_add"))


def test_the_table_has_every_network_of_keras():
    found = {name for name in dir(keras.applications) if name[0].isupper()}
    assert found == set(NETWORKS)


def scrambled(network, seed=0):
    """Draws all weights, so that values stay of the same size through the network."""
    rng = np.random.default_rng(seed)
    for layer in network._flatten_layers(include_self=False):
        if not layer._trainable_variables and not layer._non_trainable_variables:
            continue
        for weight in layer.weights:
            if weight.name == "gamma":
                # Small ones, because a deep network of large ones amplifies rounding errors a thousandfold.
                value = rng.uniform(0.2, 0.6, weight.shape)
            elif weight.name in ("moving_variance", "variance"):
                value = rng.uniform(0.5, 1.5, weight.shape)
            elif weight.name in ("beta", "moving_mean", "mean", "bias"):
                value = rng.normal(0, 0.1, weight.shape)
            elif weight.name == "count":
                continue
            else:
                fan = np.prod(weight.shape[:-1]) if weight.shape[-1] != 1 else np.prod(weight.shape[:2])
                value = rng.normal(0, np.sqrt(2 / fan), weight.shape)
            weight.assign(value)
    return network


def published(network, path):
    """Writes weights as Keras publishes them: the layers in order, at the top of an HDF5 file."""
    whole = path.with_name("whole.h5")
    network.save(whole)
    with h5py.File(whole) as source, h5py.File(path, "w") as target:
        for key, value in source["model_weights"].attrs.items():
            target.attrs[key] = value
        for key in source["model_weights"]:
            source.copy(source["model_weights"][key], target, name=key)
    whole.unlink()
    return path


IMAGES = np.random.default_rng(1).integers(0, 256, (2, 64, 96, 3)).astype("float32")


def levels_by_hand(original, preprocessed, names):
    body = keras.Model(original.input, {name: original.get_layer(name).output for name in names})
    found = body(preprocessed, training=False)
    return [keras.ops.convert_to_numpy(found[name]) for name in names]


def levels(network, images=IMAGES):
    mean, std = (np.asarray(network.preprocessing[key], "float32") for key in ("mean", "std"))
    return {
        name: keras.ops.convert_to_numpy(level)
        for name, level in network((images - mean) / std, training=False).items()
    }


def same(found, expected):
    scale = np.abs(expected).max()
    assert scale > 0
    np.testing.assert_allclose(found / scale, expected / scale, atol=2e-5)


NOTOP = {"include_top": False, "weights": None, "input_shape": (64, 96, 3)}


@pytest.fixture(scope="module")
def mobile(tmp_path_factory):
    """MobileNetV2 of Keras with random weights, and files of it."""
    folder = tmp_path_factory.mktemp("mobile")
    original = scrambled(keras.applications.MobileNetV2(**NOTOP))
    published(original, folder / "notop.h5")
    return original, folder


def test_values_are_those_of_keras(mobile):
    original, folder = mobile
    network = presets.load("keras/MobileNetV2", weights=folder / "notop.h5", features_only=True)
    images = keras.applications.mobilenet_v2.preprocess_input(IMAGES.copy())
    found = levels(network)
    names = ("expanded_conv_project_BN", "block_5_add", "block_16_project_BN")
    for level, expected in zip(("P1", "P3", "P5"), levels_by_hand(original, images, names), strict=True):
        same(found[level], expected)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "module", "layers"),
    [
        ("ResNet50", "resnet", {"P2": "conv2_block3_out", "P5": "conv5_block3_out"}),
        ("VGG16", "vgg16", {"P0": "block1_conv2", "P4": "block5_conv3"}),
        ("DenseNet121", "densenet", {"P3": "conv3_block12_concat", "P5": "relu"}),
        ("MobileNet", "mobilenet", {"P1": "conv_pw_1_relu", "P4": "conv_pw_11_relu"}),
        ("MobileNetV3Large", "mobilenet_v3", {"P3": "expanded_conv_5_add"}),
        ("ResNet50V2", "resnet_v2", {"P3": "conv3_block3_out", "P5": "post_relu"}),
        ("EfficientNetV2B0", "efficientnet_v2", {"P2": "block2b_add", "P3": "block3b_add"}),
        ("ConvNeXtTiny", "convnext", {"P5": "layer_normalization"}),
    ],
)
def test_each_preprocessing_is_that_of_keras(name, module, layers, tmp_path):
    keras.utils.clear_session()
    original = scrambled(getattr(keras.applications, name)(**NOTOP))
    published(original, tmp_path / "weights.h5")
    network = presets.load(f"keras/{name}", weights=tmp_path / "weights.h5", features_only=True)
    # Keras' own function, or its own layers at the beginning of the network.
    images = getattr(keras.applications, module).preprocess_input(IMAGES.copy())
    found = levels(network)
    for level, expected in zip(layers, levels_by_hand(original, images, layers.values()), strict=True):
        same(found[level], expected)


def test_a_failed_download_names_the_way_out_and_a_download_is_used(tmp_path, monkeypatch):
    files = sys.modules["keras.src.utils.file_utils"]

    def fails(*args, **kwargs):
        raise Exception("URL fetch failure on https://example.org: None -- no network\nmore")

    monkeypatch.setattr(files, "get_file", fails)
    with pytest.raises(
        InputError, match="'keras/EfficientNetB0': the download .* no network.*`weights`"
    ) as one:
        presets.load("keras/EfficientNetB0", features_only=True)
    assert "\n" not in str(one.value)

    original = keras.applications.EfficientNetB0(**NOTOP)
    scrambled(original)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    statistics = next(layer for layer in original.layers if type(layer).__name__ == "Normalization")
    for weight, value in zip(statistics.weights, (mean, std, 1), strict=True):
        weight.assign(np.broadcast_to(value, weight.shape))
    path = published(original, tmp_path / "notop.h5")
    monkeypatch.setattr(files, "get_file", lambda *args, **kwargs: str(path))
    network = presets.load("keras/EfficientNetB0", features_only=True)
    # With "imagenet", Keras' graph has another scaling, which its weights alone do not show.
    whole = keras.applications.EfficientNetB0(include_top=False, input_shape=(64, 96, 3))
    (expected,) = levels_by_hand(whole, IMAGES, ["block3b_add"])
    same(levels(network)["P3"], expected)
    np.testing.assert_allclose(network.preprocessing["mean"], 255 * mean)
    np.testing.assert_allclose(network.preprocessing["std"], 255 * std)
    again = presets.load("keras/EfficientNetB0", weights=path, features_only=True)
    same(levels(again)["P5"], levels(network)["P5"])


@pytest.mark.parametrize("suffix", [".weights.h5", ".keras"])
def test_newer_files_of_keras_are_read(mobile, suffix):
    original, folder = mobile
    path = folder / f"newer{suffix}"
    (original.save if suffix == ".keras" else original.save_weights)(path)
    one, other = (
        presets.load("keras/MobileNetV2", weights=file, features_only=True)
        for file in (path, folder / "notop.h5")
    )
    for mine, wanted in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, wanted)


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".h5", ".weights.h5"])
def test_a_file_with_a_head_gives_the_same_backbone(suffix, tmp_path):
    whole = scrambled(keras.applications.MobileNetV3Small(weights=None, include_preprocessing=False))
    path = tmp_path / f"head{suffix}"
    published(whole, path) if suffix == ".h5" else whole.save_weights(path)
    network = presets.load("keras/MobileNetV3Small", weights=path, features_only=True)
    for layer in network.layers:
        # Layers that were named.
        if layer.weights and layer.name.startswith("expanded"):
            for mine, wanted in zip(layer.weights, whole.get_layer(layer.name).weights, strict=True):
                np.testing.assert_array_equal(mine.numpy(), wanted.numpy())


def test_refusals_are_one_line(mobile, tmp_path):
    original, folder = mobile

    def refused(match, name="MobileNetV2", weights=folder / "notop.h5"):
        with pytest.raises(InputError, match=match) as caught:
            presets.load(f"keras/{name}", weights=weights, features_only=True)
        assert "\n" not in str(caught.value)

    refused("no such network in keras.applications; did you mean keras/MobileNetV2", name="mobilenetv2")
    refused("no such network in keras.applications; Known: ConvNeXtBase", name="zzz")
    refused("does not exist", weights=tmp_path / "none.h5")
    refused("`weights` must be a .h5, .weights.h5, or .keras file", weights=__file__)
    content = (folder / "notop.h5").read_bytes()
    (tmp_path / "short.h5").write_bytes(content[: len(content) // 2])
    refused("short.h5 cannot be read as weights of this network", weights=tmp_path / "short.h5")
    (tmp_path / "short.keras").write_bytes(content[:100])
    refused("short.keras cannot be read as weights of this network", weights=tmp_path / "short.keras")
    refused("notop.h5 cannot be read as weights of this network", name="MobileNetV3Small")
    models.LeNet5(3).save_weights(tmp_path / "lenet.weights.h5")
    refused("lenet.weights.h5 cannot be read as weights of this", weights=tmp_path / "lenet.weights.h5")
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file.attrs["layer_names"] = ["a"]
        file["a"] = h5py.ExternalLink("/etc/passwd", "/")
    refused("must not have links", weights=tmp_path / "link.h5")
    with h5py.File(tmp_path / "sparse.h5", "w") as file:
        file.create_dataset("a", (2**20, 2**20), "float32")
    with zipfile.ZipFile(tmp_path / "bomb.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model.weights.h5", bytes(2**22))
    for name in ("sparse.h5", "bomb.keras"):
        refused(f"{name} cannot .* unpacks to [0-9]+ bytes, far more than its size", weights=tmp_path / name)
    values = original.get_weights()
    broken = keras.models.clone_model(original)
    broken.set_weights([np.full_like(values[0], np.nan), *values[1:]])
    broken.save_weights(tmp_path / "nan.weights.h5")
    refused("has NaN or infinite values in", weights=tmp_path / "nan.weights.h5")


def test_a_model_on_it_needs_neither_the_network_nor_the_file_again(mobile, tmp_path, monkeypatch):
    _, folder = mobile
    body = presets.load("keras/MobileNetV2", weights=folder / "notop.h5", features_only=True)
    model = models.FCN(3, backbone=body)
    assert model.preprocessing == {"mean": 127.5, "std": 127.5}
    images = np.random.default_rng(0).uniform(-1, 1, (1, 70, 90, 3)).astype("float32")
    expected = keras.ops.convert_to_numpy(model(images, training=False))
    config = model.get_config()
    assert config["backbone"]["class_name"] == "KerasNetwork"
    assert config["backbone"]["config"]["network"] == "MobileNetV2"

    def fails(*args, **kwargs):
        raise AssertionError("a download")

    monkeypatch.setattr(sys.modules["keras.src.utils.file_utils"], "get_file", fails)
    model.save(tmp_path / "model.keras")
    model.save_to_preset(tmp_path / "preset")
    # Layers that Keras numbers must not depend on what the session made before.
    keras.layers.Conv2D(1, 1)
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(loaded(images, training=False)), expected)
    preset = models.from_preset(tmp_path / "preset", num_classes=5)
    assert preset(images).shape == (1, 70, 90, 5)
    assert preset.backbone.preprocessing == body.preprocessing
    again = models.FCN.from_config(config)
    assert [weight.path for weight in again.backbone.weights] == [weight.path for weight in body.weights]
    body.trainable = False
    assert models.FCN.from_config(model.get_config()).get_config()["frozen"] == ["mobilenetv2"]


def test_a_preset_may_not_name_another_network(mobile, tmp_path):
    from tests.presets.preset_files import edit_manifest

    _, folder = mobile
    body = presets.load("keras/MobileNetV2", weights=folder / "notop.h5", features_only=True)
    models.FCN(3, backbone=body).save_to_preset(tmp_path / "preset")
    edit_manifest(
        tmp_path / "preset",
        lambda manifest: manifest["config"]["backbone"]["config"].update(network="clone_model"),
    )
    with pytest.raises(InputError, match="`network` must be one of ConvNeXtBase"):
        models.from_preset(tmp_path / "preset")
