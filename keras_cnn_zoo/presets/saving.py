"""A model to a preset."""

import json
import os
from pathlib import Path

import keras

from keras_cnn_zoo.presets import card as cards
from keras_cnn_zoo.presets import configs, storage, weights
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
from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.errors import InputError


def save(model, path, *, card=None, overwrite=False, precision="float16", splits=None):
    """Writes `model` as a preset: a folder, or one file where `path` ends in ".zip".

    The preset holds `preset.json` (class, arguments, class names, preprocessing, metrics, training, sha256 of
    each file), `model.weights.h5` in Keras' own layout and `README.md`, the model card. It is written beside
    the target and takes its place in one step.

    Args:
        model: a built `ZooModel`.
        path: where to write.
        card: dict of `summary`, `data`, `data_spec`, `licence`, `metrics`, `evaluated_on`, `command`, `seed`
            and `notes`, all optional, or None.
        overwrite: replace a preset that stands at `path`.
        precision: "float16" stores kernels in half precision, "float32" everything in single.
        splits: text of the `splits.tsv` of the run, or None.

    Raises:
        InputError: when the target exists, holds other files or cannot be written, when a weight is NaN or
            does not fit the precision, or when the model's config is of a kind that `load` would refuse.
    """
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path):
        raise InputError(f"A preset is written to a path. Received: {shown(path)}")
    label = shown(os.fspath(path))
    # A subclass of a user is not in the registry; it has what a preset needs all the same.
    if not isinstance(model, keras.Model) or not hasattr(model, "preprocessing"):
        validation.fail("model", "a keras_cnn_zoo model", model)
    validation.boolean("overwrite", overwrite)
    validation.one_of("precision", precision, weights.PRECISIONS)
    card = cards.check(label, card)
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
    title = Path(path).name.removesuffix(".zip")
    page = cards.readme(title, manifest, model=model).encode("utf-8")
    manifest["files"][CARD] = storage.record(page)
    contents = {WEIGHTS: packed, CARD: page}
    if splits is not None:
        contents[SPLITS] = splits.encode("utf-8", "surrogateescape")
        manifest["files"][SPLITS] = storage.record(contents[SPLITS])
    raw = dump(manifest)
    # What `load` would refuse is refused here, while the model is still in memory.
    parse(label, raw)
    storage.write(label, path, {MANIFEST: raw, **contents}, overwrite)


def _config(label, model):
    """The model's arguments as a preset keeps them, and its class names, which stand beside them."""
    config = model.get_config()
    if "quantization" in config:
        fail(label, "a quantized model is no preset: save the preset first, or the model as a .keras file")
    try:
        config = json.loads(json.dumps(config, allow_nan=False))
    except (TypeError, ValueError) as error:
        fail(label, f"the config of {type(model).__name__} is not JSON ({error})", error)
    config.pop("class_names", None)
    class_names = None if model.class_names is None else list(model.class_names)
    # Name, precision, and freezing belong to a session, not to the trained model.
    for key in ("name", "trainable", "frozen"):
        config.pop(key, None)
    config = configs.without_session(config)
    configs.check_arguments(label, type(model), config)
    return configs.check(label, config), class_names
