"""Backbones of KerasHub with levels: "kerashub/PRESET", downloaded from Kaggle or read from a folder.

    config.json -> class and arguments, both checked -> KerasHub's network -> its `pyramid_outputs` -> levels
    image_converter.json -> mean and standard deviation of the pixels
    model.weights.h5 -> weights

KerasHub's own reader of presets is not used, because it builds any registered class that a file names.
"""

import difflib
import json
import math
import os

import keras

from keras_cnn_zoo.presets.manifest import MANIFEST_LIMIT, WEIGHTS, fail, shown
from keras_cnn_zoo.presets.sources import graphs, keras_files
from keras_cnn_zoo.presets.sources.downloads import OTHERWISE
from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.errors import InputError

# Classes of keras_hub.models, and the name of their argument for the shape of an image. An explicit list: MiT
# and RetinaNet are left out because they take only images of one size or of certain multiples, the others
# because they have no maps. The arguments of these classes cannot name code.
NETWORKS = {
    "CSPNetBackbone": "image_shape",
    "DenseNetBackbone": "image_shape",
    "EfficientNetBackbone": "input_shape",
    "ResNetBackbone": "image_shape",
}
CONFIG, CONVERTER = "config.json", "image_converter.json"
_KAGGLE = "kaggle://"
# The session or the copy decides these.
_DROPPED = {"name", "trainable", "dtype", "data_format"}
_SIZE = 256
_LARGEST = 1e30
_INSTALL = 'this needs the package keras-hub: pip install "keras-cnn-zoo[hub]"'


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class KerasHubNetwork(keras.Model):
    """A backbone of KerasHub with fresh weights, whose output is a dict of levels.

    Its config is the class and the arguments. Weights come from a file, or by `load` of this module. It needs
    the package keras-hub, but never a download.

    Args:
        network: name of the class in `keras_hub.models`, such as "ResNetBackbone".
        arguments: dict of arguments of this class: numbers, strings, booleans, None, and lists of these.
        preprocessing: dict of the `mean` and `std` of its pixels in RGB.
        name: name of the model; None for that of the class.
        original: the network as KerasHub makes it, whose weights are copied; None for fresh weights.

    Raises:
        ValueError: for another class, or arguments that it does not take.
        InputError: without the package keras-hub.
    """

    def __init__(self, network, arguments, preprocessing, *, name=None, original=None):
        fresh = original is None
        original = _original(network, arguments) if fresh else original
        body = _leveled(original, with_weights=not fresh)
        super().__init__(body.input, body.output, name=network.lower() if name is None else name)
        self.network = network
        self.arguments = arguments
        self.preprocessing = preprocessing

    @property
    def strides(self):
        """A dict from the name of a level to its stride."""
        return {name: 2 ** int(name[1:]) for name in self.output}

    def get_config(self):
        """Returns the class, its arguments, and the scale of the pixels."""
        return {
            "network": self.network,
            "arguments": _plain(self.arguments),
            "preprocessing": _plain(self.preprocessing),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """Builds the network of a config."""
        return cls(**config)


def load(label, name, weights=None):
    """Returns a `KerasHubNetwork` with pretrained weights.

    Args:
        label: the spec in messages.
        name: name of one of KerasHub's own presets, such as "resnet_18_imagenet".
        weights: path of a folder with the preset's files, or of its `model.weights.h5` in it; None to
            download them.

    Raises:
        InputError: without the package keras-hub, for an unknown name, a failed download, or files that are
            damaged, or of another class of networks.
    """
    network, handle = _known(label, name)
    path = _downloader(label, handle) if weights is None else _opener(label, os.fspath(weights))
    config, converter = (_object(label, file, path(file)) for file in (CONFIG, CONVERTER))
    if config["class_name"] != network:
        fail(label, f"{CONFIG} must be of a {network}. Received: {shown(config['class_name'])}")
    preprocessing = _preprocessing(label, converter["config"])
    arguments = {key: value for key, value in config["config"].items() if key not in _DROPPED}
    # Any size of images: weights do not depend on it.
    arguments[NETWORKS[network]] = [None, None, 3]
    try:
        original = _original(network, arguments)
    except ValueError as error:
        fail(label, f"{CONFIG}: {error}", error)
    # KerasHub's backbones have no head, so there is one network for both cases.
    original = keras_files.load(label, lambda _: original, path(WEIGHTS))
    try:
        return KerasHubNetwork(network, arguments, preprocessing, name=name, original=original)
    except ValueError as error:
        fail(label, str(error), error)


def _package():
    try:
        import keras_hub
    except ImportError as error:
        raise InputError(_INSTALL) from error
    return keras_hub


def _known(label, name):
    """Returns the class and the Kaggle handle of a preset of KerasHub."""
    try:
        package = _package()
    except InputError as error:
        fail(label, str(error), error)
    names = {
        preset: (network, facts["kaggle_handle"])
        for network in NETWORKS
        for preset, facts in getattr(package.models, network).presets.items()
    }
    if name in names:
        return names[name]
    if name in package.models.Backbone.presets:
        fail(label, f"it has no levels: a backbone must be a {', '.join(NETWORKS)}")
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean kerashub/{close[0]}? " if close else ""
    fail(label, f"no such preset in KerasHub; {hint}Known: {', '.join(sorted(names))}")


def _downloader(label, handle):
    """Returns a function from the name of a file to its path; Kaggle's client downloads it once."""

    def path(file):
        try:
            import kagglehub

            return kagglehub.model_download(handle.removeprefix(_KAGGLE), path=file)
        # Errors of a network have several unrelated classes.
        except Exception as error:
            reason = next(filter(None, map(str.strip, str(error).splitlines())), type(error).__name__)
            fail(label, f"the download of {file} failed ({reason}){OTHERWISE}", error)

    return path


def _opener(label, given):
    """Returns a function from the name of a file to its path in a folder, or next to a given file."""
    folder = given if os.path.isdir(given) else os.path.dirname(given)
    if not os.path.exists(given):
        fail(label, f"{given} does not exist")

    def path(file):
        found = os.path.join(folder, file)
        if not os.path.isfile(found):
            fail(
                label,
                f"`weights` must be a folder with {CONFIG}, {CONVERTER}, and {WEIGHTS}, or that last file in "
                f"it. Received: {given}, without {file}",
            )
        return found

    return path


def _object(label, name, path):
    """Returns a JSON object with `class_name` and `config` of a file."""
    try:
        with open(path, "rb") as file:
            raw = file.read(MANIFEST_LIMIT + 1)
        found = json.loads(raw) if len(raw) <= MANIFEST_LIMIT else None
    except (OSError, ValueError, RecursionError) as error:
        fail(label, f"{name} is not valid JSON ({error})", error)
    if (
        not isinstance(found, dict)
        or not isinstance(found.get("class_name"), str)
        or not isinstance(found.get("config"), dict)
    ):
        fail(label, f"{name} must have an object with a class_name and a config. Received: {shown(found)}")
    return found


def _preprocessing(label, converter):
    """Returns `mean` and `std` of an image converter, which computes pixels * scale + offset.

    An older form has the mean and the variance of pixels * scale.
    """

    def numbers(key, default):
        value = converter.get(key)
        values = [default] if value is None else value if isinstance(value, list) else [value]
        finite = all(isinstance(one, (int, float)) and abs(one) < _LARGEST for one in values)
        if not finite or len(values) not in (1, 3):
            fail(label, f"{CONVERTER} must have one number or three as {key}. Received: {shown(value)}")
        return values * (3 // len(values))

    scale, offset = numbers("scale", 1.0), numbers("offset", 0.0)
    mean, variance = numbers("mean", 0.0), numbers("variance", 1.0)
    if min(scale) <= 0 or min(variance) <= 0:
        fail(label, f"{CONVERTER} must have a positive scale. Received: {shown(converter)}")
    if "variance" in converter:
        std = [math.sqrt(one) / factor for one, factor in zip(variance, scale, strict=True)]
        return {"mean": [one / factor for one, factor in zip(mean, scale, strict=True)], "std": std}
    return {
        "mean": [-one / factor for one, factor in zip(offset, scale, strict=True)],
        "std": [1 / factor for factor in scale],
    }


def _original(network, arguments):
    """Returns the network as KerasHub makes it."""
    if network not in NETWORKS:
        validation.fail("network", f"one of {', '.join(NETWORKS)}", network)
    if not isinstance(arguments, dict) or not _is_plain(list(arguments.values())):
        validation.fail("arguments", "a dict of numbers, strings, booleans, None, and lists", arguments)
    package = _package()
    try:
        with graphs.channels_last():
            return getattr(package.models, network)(**_plain(arguments))
    # A wrong number of stages, for example, ends the list of another argument.
    except (TypeError, ValueError, LookupError, AssertionError, AttributeError, ArithmeticError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{network} cannot be built from its arguments: {reason}") from error


def _is_plain(value):
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    # Keras would look up a string with this sign among all registered classes.
    return (
        value is None or isinstance(value, (bool, int, float)) or isinstance(value, str) and ">" not in value
    )


def _plain(value):
    """Returns a copy of lists and dicts, for which Keras puts its own classes into a model."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def _leveled(original, *, with_weights):
    """Returns a copy of a network whose output is a dict of levels.

    KerasHub counts some levels from the first map; here, the number counts the halvings of the image.
    """
    pyramid = keras.Model(original.input, original.pyramid_outputs)
    copy = graphs.copied(pyramid, (None, None, 3), with_weights=with_weights).model
    sizes = copy.compute_output_shape((1, _SIZE, _SIZE, 3))
    levels = {2**number: f"P{number}" for number in range(6)}
    found = {}
    for name, tensor in copy.output.items():
        strides = {_SIZE / size for size in sizes[name][1:3]}
        level = levels.get(strides.pop()) if len(strides) == 1 else None
        if level is None:
            raise ValueError(f"`network` must halve the image from level to level. Received: {sizes[name]}")
        found[level] = tensor
    return keras.Model(copy.input, found)
