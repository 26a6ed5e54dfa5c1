"""Presets from an untrusted source: every error is one line, and nothing in the file is run."""

import json
import os
import shutil

import keras
import pytest

from keras_cnn_zoo import models, presets
from keras_cnn_zoo.models import LeNet5
from keras_cnn_zoo.presets import configs
from keras_cnn_zoo.presets.manifest import shown
from keras_cnn_zoo.utils.errors import InputError
from tests.presets.preset_files import edit_manifest, refuses

WEIGHTS = "model.weights.h5"


def test_the_undamaged_preset_loads(preset):
    assert isinstance(models.from_preset(preset), LeNet5)


def test_a_changed_byte_in_the_weights_is_refused(preset):
    content = bytearray((preset / WEIGHTS).read_bytes())
    content[len(content) // 2] ^= 1
    (preset / WEIGHTS).write_bytes(content)
    refuses(
        preset, f"{WEIGHTS} is damaged or was changed: its sha256 must be [0-9a-f]{{64}}. Received: [0-9a-f]"
    )


@pytest.mark.parametrize("cut", [slice(0, -1), slice(0, 0)])
def test_truncated_weights_are_refused(preset, cut):
    (preset / WEIGHTS).write_bytes((preset / WEIGHTS).read_bytes()[cut])
    refuses(preset, f"{WEIGHTS} must have [0-9]+ bytes. Received: [0-9]+ bytes")


def test_longer_weights_are_refused(preset):
    with open(preset / WEIGHTS, "ab") as file:
        file.write(b"x")
    refuses(preset, f"{WEIGHTS} must have at most [0-9]+ bytes")


@pytest.mark.parametrize("name", ["preset.json", WEIGHTS, "README.md"])
def test_a_missing_file_is_refused(preset, name):
    (preset / name).unlink()
    refuses(preset, f"{name} is missing")


@pytest.mark.parametrize("version", [0, 2, "1", None, True, 1.5])
def test_other_format_versions_are_refused(preset, version):
    edit_manifest(preset, lambda manifest: manifest.update(format_version=version))
    refuses(preset, f"`format_version` must be 1, .* Received: format_version={version!r}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not valid JSON"),
        ("{", "is not valid JSON"),
        ("[1]", "must have a JSON object"),
        ("\xff", "`?preset.json"),
        ('{"format_version": 1, "format_version": 1}', "a key occurs twice"),
        ('{"format_version": NaN}', "NaN is not a JSON number"),
        ("[" * 100000, "is not valid JSON"),
        (" " * (2**20 + 1), "preset.json must have at most 1048576 bytes"),
    ],
)
def test_bad_json_is_refused(preset, text, message):
    (preset / "preset.json").write_bytes(text.encode("latin-1"))
    refuses(preset, message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"class": "os.system"}, "`class` must be one of .*LeNet5, .* Received: class='os.system'"),
        ({"class": "keras.layers.Lambda"}, "`class` must be one of .* Received: class='keras.layers.Lambda'"),
        ({"class": "ZooModel"}, "`class` must be one of"),
        ({"class": ["LeNet5"]}, "`class` has the wrong type"),
        ({"config": []}, "`config` has the wrong type"),
        ({"files": {}}, "`files` must list model.weights.h5"),
        ({"extra": 1}, "unknown fields. Received: \\['extra'\\]"),
        (
            {"class_names": ["a", "b"]},
            "`class_names` must fit `num_classes`. Received: 2 names, num_classes=3",
        ),
        ({"class_names": ["a", "b", "b"]}, "`class_names` must be distinct strings"),
        ({"class_names": [1, 2, 3]}, "`class_names` must be distinct strings"),
        ({"preprocessing": {"mean": 1}}, "`preprocessing` of LeNet5 must give mean, std"),
        ({"preprocessing": {"mean": "1", "std": 1}}, "must have numbers. Received: mean='1'"),
        ({"metrics": {"accuracy": float("1e999")}}, "Infinity is not a JSON number"),
    ],
)
def test_bad_fields_are_refused(preset, change, message):
    edit_manifest(preset, lambda manifest: manifest.update(change))
    refuses(preset, message)


@pytest.mark.parametrize(
    "field", ["class", "config", "class_names", "preprocessing", "metrics", "training", "files"]
)
def test_a_missing_field_is_refused(preset, field):
    edit_manifest(preset, lambda manifest: {key: manifest[key] for key in manifest if key != field})
    refuses(preset, f"must have `{field}`")


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "a/b", "..", "a\\b", "C:x", "", "preset.json", "a\n"]
)
def test_file_names_outside_the_folder_are_refused(preset, name):
    (preset.parent / "secret").write_text("secret")
    record = {"sha256": "0" * 64, "bytes": 6}
    edit_manifest(preset, lambda manifest: manifest["files"].update({name: record}))
    refuses(preset, "`files` must name files inside the preset. Received: ")


@pytest.mark.parametrize(
    "record",
    [
        None,
        {},
        {"sha256": "0" * 64, "bytes": -1},
        {"sha256": "x", "bytes": 1},
        {"sha256": "0" * 64, "bytes": 2**60},
    ],
)
def test_bad_file_records_are_refused(preset, record):
    edit_manifest(preset, lambda manifest: manifest["files"].update({WEIGHTS: record}))
    refuses(preset, f"`files` must give sha256 and bytes of {WEIGHTS}")


@pytest.mark.parametrize("name", ["preset.json", WEIGHTS, "README.md"])
def test_symbolic_links_are_refused(preset, name):
    outside = preset.parent / "outside"
    shutil.move(preset / name, outside)
    (preset / name).symlink_to(outside)
    refuses(preset, f"{name} must be a regular file, because a link could point outside the preset")


def test_a_pipe_in_place_of_a_file_does_not_hang(preset):
    (preset / WEIGHTS).unlink()
    os.mkfifo(preset / WEIGHTS)
    refuses(preset, f"{WEIGHTS} must be a regular file")


def nested(module, class_name, registered_name=None, **extra):
    return {
        "module": module,
        "class_name": class_name,
        "config": {},
        "registered_name": registered_name,
        **extra,
    }


@pytest.mark.parametrize(
    "value",
    [
        nested("keras.layers", "Lambda"),
        nested("keras.layers", "TorchModuleWrapper"),
        nested("keras.layers", "TFSMLayer"),
        nested("keras.layers", "StringLookup"),
        nested("keras.models", "Model"),
        nested("keras.saving", "load_model"),
        nested("os", "system"),
        nested("builtins", "function"),
        nested("builtins", "eval"),
        nested("keras.layers", "Activation", "evil>Activation"),
        nested("keras.layers", "Activation", "keras_cnn_zoo>UNet"),
        nested("keras_cnn_zoo.models.base", "ZooModel", "keras_cnn_zoo>ZooModel"),
        nested(None, "__lambda__"),
        nested("keras.layers", "Activation", compile_config={"optimizer": "adam"}),
        nested(["keras.layers"], "Activation"),
        nested("keras.layers", ["Activation"]),
        {"class_name": "__lambda__", "config": {"value": "AAAA"}},
        {
            "class_name": "__typespec__",
            "config": [],
            "module": "os",
            "registered_name": None,
            "spec_name": "x",
        },
        {"module": "os"},
        {"registered_name": "evil"},
        {"class_name": "Activation", "config": {"activation": "relu"}},
        [{"deep": nested("keras.layers", "Lambda")}],
        {"module": "keras.layers", "class_name": "Wrapper", "config": {}, "registered_name": None},
        {**nested("keras.layers", "Activation"), "config": {"activation": nested("builtins", "function")}},
        {**nested("keras.layers", "Activation"), "config": []},
    ],
)
def test_objects_outside_the_allowed_list_are_refused(preset, value):
    edit_manifest(preset, lambda manifest: manifest["config"].update(activation=value))
    refuses(preset, "`activation.*(in the allowed list|an object that a preset may have). Received: ")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"activation": "keras_cnn_zoo>UNet"}, "`activation` must not name a registered object"),
        (
            {"layers": [], "input_layers": [], "output_layers": []},
            "LeNet5 accepts .* Received: \\['input_layers'",
        ),
        ({"self": 1}, "LeNet5 accepts"),
        ({"class_names": ["a", "b", "c"]}, "`class_names` must be next to `config`"),
        ({"width": -1}, "LeNet5 cannot be built from its arguments: `width` must be"),
        ({"width": 0.5}, "must have the model's shape .* Received: shape"),
        ({"variant": "lecun", "width": 1.0}, "cannot be built|must have|does not have"),
        ({"activation": {"a": {"b": float("-inf")}}}, "-Infinity is not a JSON number"),
        ({"width": 10**400}, "`config` must have only plain JSON values"),
        ({"width": 1e300}, "LeNet5 cannot be built from its arguments"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(preset, config, message):
    edit_manifest(preset, lambda manifest: manifest["config"].update(config))
    refuses(preset, message)


def test_deep_nesting_is_refused_without_recursion(preset):
    deep = "relu"
    for _ in range(200):
        deep = [deep]
    edit_manifest(preset, lambda manifest: manifest["config"].update(activation=deep))
    refuses(preset, "`config` is nested deeper than 30 levels")


def test_the_allowed_list_has_keras_names_of_real_classes():
    import keras

    for module, names in configs.KERAS_CLASSES.items():
        space = keras if module == "keras" else getattr(keras, module.split(".")[1])
        for name in names:
            assert getattr(space, name).__name__ == name


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"num_classes": 0}, "`num_classes` must be a positive integer. Received: num_classes=0"),
        ({"num_classes": True}, "`num_classes` must be a positive integer"),
        ({"num_classes": 3, "class_names": 5}, "`class_names` must be None or 3 distinct strings"),
        ({"num_classes": "3"}, "`num_classes` must be a positive integer"),
        ({"class_names": ("a", "b")}, "`class_names` must be None or 3 distinct strings"),
        (
            {"num_classes": 4, "class_names": ("a", "b", "c")},
            "`class_names` must be None or 4 distinct strings",
        ),
        ({"input_shape": (16, 16, 3)}, "layer 'convolution_1', variable 0 must have the model's shape"),
        ({"input_shape": (32, 32, 1)}, "layer 'hidden', variable 0 must have the model's shape"),
        ({"widht": 1}, "LeNet5 accepts .*width. Received: \\['widht'\\]"),
    ],
)
def test_overrides_that_do_not_fit_are_refused(saved, overrides, message):
    refuses(saved, message, **overrides)


def test_nothing_is_imported_or_run(preset, monkeypatch):
    """Keras never looks up a class that is named in the file: its resolver is not called."""
    import importlib

    def forbidden(name, *rest):
        raise AssertionError(f"imported {name}")

    edit_manifest(
        preset, lambda manifest: manifest["config"].update(activation=nested("antigravity", "Evil"))
    )
    monkeypatch.setattr(importlib, "import_module", forbidden)
    refuses(preset, "in the allowed list. Received: 'antigravity.Evil'")


def test_describe_checks_the_manifest_too(preset):
    assert presets.describe(preset)["class"] == "LeNet5"
    (preset / "preset.json").write_text(json.dumps({"format_version": 7}))
    with pytest.raises(InputError, match="`format_version` must be 1"):
        presets.describe(preset)


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    """Returns a preset whose backbone is a user's functional model."""
    path = tmp_path_factory.mktemp("presets") / "graph"
    inputs = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3, strides=32, padding="same", name="c")(inputs)
    model = models.FCN(2, variant="32s", backbone=keras.Model(inputs, {"P5": x}))
    model.save_to_preset(path)
    return path


@pytest.mark.parametrize(
    "spec", ["hf://USER/REPO", "keras/ResNet50", "timm/resnet18.a1_in1k", "../other", "resnet18_cifar10"]
)
def test_a_backbone_that_names_weights_is_refused_and_never_loaded(graph, tmp_path, monkeypatch, spec):
    def loads(*arguments, **options):
        raise AssertionError("it was loaded")

    monkeypatch.setattr(presets, "load", loads)
    inner = nested("keras_cnn_zoo", "FCN", "keras_cnn_zoo>FCN")
    inner["config"] = {"num_classes": 2, "backbone": spec}
    for path, value in (("backbone", spec), ("backbone.backbone", inner), ("backbone", [spec])):
        folder = shutil.copytree(graph, tmp_path / "graph", dirs_exist_ok=True)
        edit_manifest(folder, lambda manifest, value=value: manifest["config"].update(backbone=value))
        refuses(folder, f"`{path}` must be the config of a network, or one of efficientnet_lite0, .*{spec}")


def test_a_value_of_any_depth_can_be_shown():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    assert shown(deep) == "a deeply nested list"


@pytest.mark.parametrize(
    "damage",
    [
        lambda config: config["layers"][1].pop("name"),
        lambda config: config["layers"][1].pop("inbound_nodes"),
        lambda config: config["layers"][1]["inbound_nodes"][0]["args"][0]["config"].pop("keras_history"),
        lambda config: config.update(output_layers={"P5": ["nope", 0, 0]}),
        lambda config: config.update(output_layers={"P5": ["c", 7, 0]}),
        lambda config: config["layers"][1].update(class_name="Lambda"),
        lambda config: config["layers"][1].update(module="os"),
        lambda config: config["layers"].append("c"),
    ],
)
def test_a_damaged_graph_is_refused_in_one_line(graph, tmp_path, damage):
    path = shutil.copytree(graph, tmp_path / "graph")
    manifest = json.loads((path / "preset.json").read_text())
    damage(manifest["config"]["backbone"]["config"])
    (path / "preset.json").write_text(json.dumps(manifest))
    with pytest.raises(InputError) as refusal:
        models.from_preset(path)
    assert "\n" not in str(refusal.value)
