"""Loads a model from a preset."""

import collections.abc
import copy

from keras_cnn_zoo.presets import configs, packaged, sources
from keras_cnn_zoo.presets import weights as weight_files
from keras_cnn_zoo.presets.bundled import locate
from keras_cnn_zoo.presets.manifest import SPLITS, WEIGHTS, check_plain, fail, shown
from keras_cnn_zoo.presets.sources import keras_applications, kerashub
from keras_cnn_zoo.presets.storage import read, read_manifest
from keras_cnn_zoo.utils import validation

# Collections of networks without a head.
_BODIES = {"keras": keras_applications, "kerashub": kerashub}


def load(name_or_path, *, num_classes=None, weights=None, expected_class=None, **overrides):
    """Loads a pretrained model. The preset names its class; no code in it is ever run.

    Args:
        name_or_path: a name from `list_presets()`; a folder or `.zip` file that `save_to_preset` wrote;
            "hf://USER/REPO[@REVISION]" for one on the Hugging Face Hub; "timm/NAME" or "torchvision/NAME" for
            a residual network of these collections; or "keras/NAME" for a network of `keras.applications` and
            "kerashub/PRESET" for a backbone of KerasHub, which need `features_only=True`.
        num_classes: None keeps the head. Another number of classes than the preset's replaces the head by a
            fresh one, and drops the class names unless `class_names=` gives new ones. The same number
            replaces the head only if `class_names=` gives other names, or any names for a preset without
            them.
        weights: path of a file to read instead of a download: `.safetensors` or `.pth` for "timm/NAME" and
            "torchvision/NAME"; `.h5`, `.weights.h5`, or `.keras` for "keras/NAME"; a folder with the files of
            the preset, or the `model.weights.h5` in it, for "kerashub/PRESET" and "hf://USER/REPO", for the
            latter also a `.zip` file. None for anything else.
        expected_class: class of which the model must be an instance, or None.
        **overrides: constructor arguments to change, such as `input_shape`. The weights must still fit.
            `features_only=True` returns a classifier's body without its head.

    Returns:
        The model, an instance of its class in `keras_cnn_zoo.models`.

    Raises:
        InputError: the preset cannot be loaded. The message is one line that names it.
    """
    if sources.collection_of(name_or_path) is not None:
        return _foreign(name_or_path, weights, expected_class, num_classes=num_classes, **overrides)
    packed = None
    if weights is None and name_or_path in packaged.manifests():
        label, manifest = shown(name_or_path), copy.deepcopy(packaged.manifests()[name_or_path])
        packed = packaged.weights_path(label, name_or_path)
    else:
        label, path = locate(name_or_path, weights)
        manifest, contents = read(label, path)
    cls = configs.resolve_class(label, manifest["class"], expected_class)
    config = manifest["config"]
    if "class_names" in config:
        fail(label, "`class_names` must be next to `config`, not in it")
    configs.check_arguments(label, cls, {*config, *overrides})
    config = configs.check(label, config)
    _check_preprocessing(label, cls, manifest["preprocessing"])

    class_names, swapped = manifest["class_names"], False
    if num_classes is not None:
        try:
            num_classes = validation.positive_integer("num_classes", num_classes)
        except ValueError as error:
            fail(label, str(error), error)
        if "num_classes" not in config:
            fail(label, f"{cls.__name__} has no `num_classes`. Received: num_classes={shown(num_classes)}")
        # With `num_classes`, other names are other classes. Without it, they only rename.
        # The constructor refuses names that are not a sequence.
        given = overrides.get("class_names")
        renamed = isinstance(given, collections.abc.Iterable) and tuple(given) != tuple(class_names or ())
        swapped = num_classes != config["num_classes"] or renamed
        class_names = None if swapped else class_names
        config["num_classes"] = num_classes
    if class_names is not None:
        config["class_names"] = class_names
    if packed and overrides.get("features_only"):
        # The size is that of the classifier. A backbone takes any.
        config["input_shape"] = [None, None, config["input_shape"][-1]]
    features_only = overrides.pop("features_only", None) if not config.get("features_only") else None
    model = _build(label, cls, {**config, **overrides})
    fresh = cls.head_names if swapped else ()
    if packed is not None:
        _load_packed(label, model, packed, fresh)
    else:
        weight_files.load_into(label, model, contents[WEIGHTS], fresh)
    if features_only:
        model = _headless(label, cls, model)
    if manifest["preprocessing"] != dict(model.preprocessing):
        model.preprocessing = manifest["preprocessing"]
    return model


def _load_packed(label, model, path, fresh):
    """Loads the weights of a file from another package."""
    # Readers of files that few users have are imported when they are needed.
    from keras_cnn_zoo.presets.sources import hed_files, torch_files

    if path.endswith(".h5"):
        hed_files.load_into(label, model, path)
    else:
        torch_files.load_into(label, model, path, fresh)


def _foreign(name, weights, expected_class, **arguments):
    label, collection = shown(name), sources.collection_of(name)
    if collection in _BODIES:
        given = {key: value for key, value in arguments.items() if value is not None}
        if given != {"features_only": True}:
            fail(label, "has no head: it is the backbone of a model, backbone=" + label)
        model = _BODIES[collection].load(label, name.split("/", 1)[1], weights)
    else:
        from keras_cnn_zoo.presets.sources import torch_files

        model = torch_files.load(label, name, weights, **arguments)
    if expected_class is not None and not isinstance(model, expected_class):
        fail(shown(name), f"must be a {expected_class.__name__}. Received: a {type(model).__name__}")
    return model


def describe(name_or_path, *, weights=None):
    """Returns the facts of a preset without its weights: the contents of its `preset.json`.

    Args:
        name_or_path: as for `load`.
        weights: path that replaces the download of a preset on the hub, as for `load`.

    Returns:
        A dict with `class`, `summary`, `config`, `class_names`, `preprocessing`, `metrics`, `training`, and
        `files`, or `package` if the weights come with another Python package.

    Raises:
        InputError: as for `load`.
    """
    if name_or_path in packaged.manifests():
        return copy.deepcopy(packaged.manifests()[name_or_path])
    return read_manifest(*locate(name_or_path, weights))


def recorded_splits(name_or_path, *, weights=None):
    """Returns the text of the `splits.tsv` of the run that a preset was made from, or None if it has none.

    Args:
        name_or_path: as for `load`.
        weights: path that replaces the download of a preset on the hub, as for `load`.

    Raises:
        InputError: as for `load`.
    """
    if name_or_path in packaged.manifests():
        return None
    label, path = locate(name_or_path, weights)
    if SPLITS not in read_manifest(label, path)["files"]:
        return None
    return read(label, path)[1][SPLITS].decode("utf-8", "surrogateescape")


def _build(label, cls, config):
    try:
        return cls.from_config(config)
    # Keras looks up missing entries of a damaged graph. A backend has its own error for too large a network.
    except Exception as error:
        fail(label, f"{cls.__name__} cannot be built from its arguments: {error}", error)


def _headless(label, cls, model):
    """Returns the body of a classifier, with its weights."""
    body = _build(label, cls, {**model.get_config(), "features_only": True})
    for layer in body.layers:
        if layer.weights:
            layer.set_weights(model.get_layer(layer.name).get_weights())
    return body


def _check_preprocessing(label, cls, preprocessing):
    check_plain(label, "preprocessing", preprocessing)
    if set(preprocessing) != set(cls.preprocessing):
        fail(
            label,
            f"`preprocessing` of {cls.__name__} must give {', '.join(sorted(cls.preprocessing))}. "
            f"Received: {shown(preprocessing)}",
        )
    for key, value in preprocessing.items():
        values = value if isinstance(value, list) else [value]
        if not values or not all(isinstance(item, (int, float)) for item in values):
            fail(label, f"`preprocessing` must have numbers. Received: {key}={shown(value)}")
