"""Saves a model as a preset."""

import json
import os
import tempfile
from pathlib import Path

import keras

from keras_cnn_zoo.presets import card as cards
from keras_cnn_zoo.presets import configs, sources, storage, weights
from keras_cnn_zoo.presets.manifest import (
    CARD,
    FORMAT_VERSION,
    MANIFEST,
    SPLITS,
    WEIGHTS,
    dump,
    fail,
    parse,
    shown,
)
from keras_cnn_zoo.presets.sources import hub
from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.errors import InputError


def save(model, path, *, card=None, overwrite=False, precision="float16", splits=None):
    """Writes `model` as a preset: a folder, one file if `path` ends in ".zip", or a repository on the hub.

    The preset consists of `preset.json` (class, arguments, class names, preprocessing, metrics, training,
    sha256 of each file), `model.weights.h5` in Keras' layout, and `README.md`, the model card. It is written
    next to the target and replaces it in one step.

    Args:
        model: a built `ZooModel`.
        path: the folder or `.zip` file to write, or "hf://USER/REPO[@REVISION]" to upload it to the Hugging
            Face Hub in one commit. The repository is made if it does not exist.
        card: dict of `summary`, `data`, `data_spec`, `data_options`, `task_options`, `license`, `metrics`,
            `evaluated_on`, `command`, `seed`, and `notes`, all optional, or None.
        overwrite: whether to replace an existing preset.
        precision: "float16" to store kernels in half precision, "float32" to store everything in single.
        splits: text of the `splits.tsv` of the run, or None.

    Raises:
        InputError: if the target exists, has other files, or cannot be written; if a weight is NaN or does
            not fit the precision; or if `load` would refuse the model's config.
    """
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise InputError(f"The `path` of a preset must be a string or path. Received: {shown(path)}")
    label = shown(os.fspath(path))
    # A user's subclass is not in the registry, but it has everything that a preset needs.
    if not isinstance(model, keras.Model) or not hasattr(model, "preprocessing"):
        validation.fail("model", "a keras_cnn_zoo model", model)
    validation.boolean("overwrite", overwrite)
    validation.one_of("precision", precision, weights.PRECISIONS)
    card = cards.check(label, card)
    uploaded = sources.is_on_hub(path)
    if uploaded:
        hub.check_target(label, path, overwrite)
    else:
        storage.check_target(label, Path(path), overwrite)

    config, class_names = _config(label, model)
    packed = weights.pack(label, model, precision)
    manifest = {
        "format_version": FORMAT_VERSION,
        "class": type(model).__name__,
        "summary": card["summary"] or "",
        "config": config,
        "class_names": class_names,
        "preprocessing": json.loads(json.dumps(model.preprocessing)),
        "metrics": card["metrics"],
        "training": {
            **{key: value for key, value in card.items() if key not in ("summary", "metrics")},
            "versions": cards.versions(),
        },
        "files": {WEIGHTS: storage.record(packed)},
    }
    title = path if uploaded else Path(path).name.removesuffix(".zip")
    page = cards.readme(title, manifest, model=model).encode("utf-8")
    manifest["files"][CARD] = storage.record(page)
    contents = {WEIGHTS: packed, CARD: page}
    if splits is not None:
        contents[SPLITS] = splits.encode("utf-8", "surrogateescape")
        manifest["files"][SPLITS] = storage.record(contents[SPLITS])
    raw = dump(manifest)
    # Anything that `load` would refuse is refused here, while the model is still in memory.
    parse(label, raw)
    contents = {MANIFEST: raw, **contents}
    if not uploaded:
        storage.write(label, path, contents, overwrite)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "preset"
        storage.write(label, folder, contents)
        hub.push(label, path, folder)


def _config(label, model):
    """Returns the model's arguments as in a preset, and its class names, which a preset has separately."""
    config = model.get_config()
    if "quantization" in config:
        fail(label, "a quantized model cannot be a preset: save the preset first, or save a .keras file")
    try:
        config = json.loads(json.dumps(config, allow_nan=False))
    except (TypeError, ValueError) as error:
        fail(label, f"the config of {type(model).__name__} is not JSON ({error})", error)
    config.pop("class_names", None)
    class_names = None if model.class_names is None else list(model.class_names)
    # Name, precision, and frozen layers belong to a session, not to the trained model. A preset has the
    # preprocessing separately.
    for key in ("name", "trainable", "frozen", "preprocessing"):
        config.pop(key, None)
    config = configs.without_session(config)
    configs.check_arguments(label, type(model), config)
    return configs.check(label, config), class_names
