"""Reads weights of networks in PyTorch's names and layouts from a file, such as timm's and torchvision's.

Both collections use the same names for the weights of residual networks. Reading a file never runs code:
safetensors files have their own reader, `.pth` files are read by `torch_pickles`, and every array is checked
against the network before it is used.
"""

import difflib
import os

import numpy as np

from keras_cnn_zoo.presets.manifest import fail, shown
from keras_cnn_zoo.presets.sources import downloads, hub, torch_pickles
from keras_cnn_zoo.utils import registry

# torchvision's ImageNet weights. The digits in a file's name are the first of its sha256.
TORCHVISION = "https://download.pytorch.org/models/"
FILES = {
    "resnet18": "resnet18-f37072fd.pth",
    "resnet34": "resnet34-b627a593.pth",
    "resnet50": "resnet50-0676ba61.pth",
    "resnet101": "resnet101-63fe2227.pth",
    "resnet152": "resnet152-394f9c45.pth",
}
# Means and standard deviations of ImageNet's channels, on the scale 0..255, used in training these weights.
IMAGENET = {"mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]}


def load(label, name, path, *, num_classes=None, **overrides):
    """Returns the network `name`, such as "timm/resnet18.a1_in1k", with the weights of a file.

    Args:
        label: name of the preset in messages.
        name: collection, slash, network. A suffix after a dot, the name of a training run, is ignored.
        path: a `.safetensors` or `.pth` file, or None to download it.
        num_classes: number of classes, or None for the file's. If it is another number, or `class_names` are
            given too, the head is fresh, because the classes of the file have no names. Without it,
            `class_names` name the classes of the file.
        **overrides: further constructor arguments.
    """
    collection, full = name.split("/", 1)
    network = full.split(".")[0]
    networks = _networks()
    if network not in networks:
        close = difflib.get_close_matches(network, networks, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        fail(
            label,
            f"the network must be one of {', '.join(sorted(networks))}; {hint}Received: {shown(network)}",
        )
    if path is None:
        path = _downloaded(label, collection, full)
    state = _read(label, os.fspath(path))
    head = state.get("fc.weight")
    if head is None:
        fail(label, f"{path} has no fc.weight, so it is not a classifier of this collection")
    if head.ndim != 2 or 0 in head.shape:
        fail(label, f"fc.weight must have shape (classes, features). Received: shape {head.shape}")
    cls, arguments = networks[network]
    features_only = overrides.pop("features_only", False)
    same = num_classes == len(head) and overrides.get("class_names") is None
    kept = (num_classes is None or same) and not features_only
    if not features_only:
        arguments = {**arguments, "num_classes": len(head) if num_classes is None else num_classes}
    try:
        model = cls(**{**arguments, **overrides}, features_only=features_only)
    except (TypeError, ValueError) as error:
        fail(label, f"{cls.__name__} cannot be built: {error}", error)
    _assign(label, model, state, () if kept else cls.head_names)
    model.preprocessing = dict(IMAGENET)
    return model


def _downloaded(label, collection, full):
    """Returns the path of the weights that a collection publishes under a name."""
    if collection == "timm":
        if "." not in full:
            fail(
                label,
                "a download needs the name of a training run too, such as timm/resnet18.a1_in1k; "
                "or give the path of a file as `weights`",
            )
        return hub.file(label, f"timm/{full}", "model.safetensors")
    if full not in FILES:
        fail(label, f"torchvision has weights of {', '.join(FILES)}. Received: {shown(full)}")
    digits = FILES[full].rsplit("-", 1)[1].split(".")[0]
    return downloads.fetch(label, TORCHVISION + FILES[full], digits)


def load_into(label, model, path, fresh_layers=()):
    """Loads the weights of a file into `model`, which gives their names by `torch_weights`.

    Args:
        label: name of the preset in messages.
        model: a built model.
        path: a `.safetensors` or `.pth` file.
        fresh_layers: names of layers that keep their fresh weights.
    """
    _assign(label, model, _read(label, path), fresh_layers)


def _networks():
    """Returns {name in the collections: (class, arguments)} of all classes with names for their weights."""
    return {
        name: (cls, arguments)
        for cls in registry.models().values()
        for name, arguments in getattr(cls, "torch_networks", {}).items()
    }


def _read(label, path):
    """Returns a dict from name to array of the weights in a file."""
    if not os.path.isfile(path):
        fail(label, f"the weights file {path} does not exist")
    if not path.endswith((".safetensors", ".pth", ".pt")):
        fail(label, f"`weights` must be a .safetensors or .pth file. Received: {path}")
    try:
        if path.endswith(".safetensors"):
            from safetensors.numpy import load_file

            state = load_file(path)
        else:
            state = torch_pickles.read(path)
    except ImportError as error:
        fail(label, f"reading {path} needs the package {error.name}", error)
    # The reader of safetensors raises other errors.
    except Exception as error:
        fail(label, f"{path} cannot be read as weights: {error}", error)
    return {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}


def _assign(label, model, state, fresh_layers):
    """Assigns every array of `state` to its variable, after checking that all of them fit."""
    targets = model.torch_weights()
    fresh = {
        id(variable) for layer in model.layers if layer.name in fresh_layers for variable in layer.weights
    }
    dropped = {key for key, variable in targets.items() if id(variable) in fresh}
    if model.features_only:
        # Without the head, the file has more than the network.
        dropped |= {key for key in state if key.startswith("fc.")}
    state, targets = (
        {key: value for key, value in found.items() if key not in dropped} for found in (state, targets)
    )
    for key, other in (
        (set(state) - set(targets), "not of this network"),
        (set(targets) - set(state), "missing"),
    ):
        if key:
            fail(label, f"the file's weights do not fit {type(model).__name__}: {sorted(key)[0]} is {other}")
    values = {}
    for key, variable in targets.items():
        value = np.asarray(state[key], dtype="float32")
        if value.ndim == 4:
            # PyTorch stores kernels as (out, in, height, width), Keras as (height, width, in, out), and the
            # kernel of a depthwise convolution as (height, width, in, 1).
            swapped = value.shape[1] == 1 and tuple(variable.shape)[2:] == (len(value), 1)
            value = value.transpose((2, 3, 0, 1) if swapped else (2, 3, 1, 0))
        else:
            value = value.T
        if value.ndim == 4 and len(variable.shape) == 2 and value.shape[:2] == (1, 1):
            value = value[0, 0]
        if value.shape != tuple(variable.shape):
            fail(
                label,
                f"{key} must have shape {tuple(variable.shape)} in Keras' order. Received: {value.shape}",
            )
        if not np.isfinite(value).all():
            fail(label, f"{key} must have finite values. Received: NaN or infinity")
        values[key] = value
    for key, variable in targets.items():
        variable.assign(values[key])
