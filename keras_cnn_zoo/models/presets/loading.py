"""A preset to a model."""

from keras_cnn_zoo.models.presets import configs, weights
from keras_cnn_zoo.models.presets.bundled import locate
from keras_cnn_zoo.models.presets.manifest import WEIGHTS, check_plain, fail, shown
from keras_cnn_zoo.models.presets.storage import read, read_manifest
from keras_cnn_zoo.utils import validation


def load(name_or_path, *, num_classes=None, expected_class=None, **overrides):
    """Loads a pretrained model. The preset names its class; nothing in it is ever run.

    Args:
        name_or_path: a name from `list_presets()`, or a folder or `.zip` file that `save_to_preset` wrote.
        num_classes: another number of classes swaps the head for a fresh one and keeps the body; the class
            names go unless new ones are given as `class_names=`. The preset's own number, or None, keeps the
            head.
        expected_class: refuse a preset of another class than this one and its subclasses.
        **overrides: constructor arguments to change, such as `input_shape`; the weights must still fit.

    Returns:
        The model, an instance of its class in `keras_cnn_zoo.models`.

    Raises:
        InputError: one line that names the preset and what is wrong with it.
    """
    label, path = locate(name_or_path)
    manifest, contents = read(label, path)
    cls = configs.resolve_class(label, manifest["class"], expected_class)
    config = manifest["config"]
    if "class_names" in config:
        fail(label, "`class_names` must stand beside `config`, not in it")
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
            fail(label, f"{cls.__name__} has no classes to swap. Received: num_classes={shown(num_classes)}")
        swapped = num_classes != config["num_classes"]
        class_names = None if swapped else class_names
        config["num_classes"] = num_classes
    if class_names is not None:
        config["class_names"] = class_names
    model = _build(label, cls, {**config, **overrides})
    weights.load_into(label, model, contents[WEIGHTS], cls.head_names if swapped else ())
    if manifest["preprocessing"] != dict(model.preprocessing):
        model.preprocessing = manifest["preprocessing"]
    return model


def describe(name_or_path):
    """The facts of a preset without its weights: the contents of its `preset.json`.

    Args:
        name_or_path: as for `load`.

    Returns:
        A dict with `class`, `summary`, `config`, `class_names`, `preprocessing`, `metrics`, `training` and
        `files`.

    Raises:
        InputError: as for `load`.
    """
    return read_manifest(*locate(name_or_path))


def _build(label, cls, config):
    try:
        return cls.from_config(config)
    except (TypeError, ValueError) as error:
        fail(label, f"{cls.__name__} cannot be built from its arguments: {error}", error)


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
            fail(label, f"`preprocessing` must hold numbers. Received: {key}={shown(value)}")
