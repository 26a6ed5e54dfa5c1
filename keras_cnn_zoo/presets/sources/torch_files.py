"""Weights of other collections: timm's and torchvision's residual networks, read from a file.

Both collections name the weights of these networks alike. A file is data here: safetensors by its own reader,
`.pth` by `torch.load(weights_only=True)`, and every array is checked against the network before it is used.
"""

import os

import numpy as np

from keras_cnn_zoo.presets.manifest import fail, shown
from keras_cnn_zoo.utils import registry

COLLECTIONS = ("timm", "torchvision")
# Means and deviations of ImageNet's channels that these weights were trained with, on the scale 0..255.
IMAGENET = {"mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]}


def load(label, name, path, *, num_classes=None, **overrides):
    """The network called `name`, such as "timm/resnet18.a1_in1k", with the weights in the file `path`.

    Args:
        label: what messages call the preset.
        name: collection, slash, network; what follows a dot tells apart trainings and is not looked at.
        path: a `.safetensors` or `.pth` file.
        num_classes: another number of classes than the file's gives a fresh head.
        **overrides: further constructor arguments.
    """
    network = name.split("/", 1)[1].split(".")[0]
    networks = _networks()
    if network not in networks:
        fail(label, f"weights can be read for {', '.join(sorted(networks))}. Received: {shown(network)}")
    if path is None:
        fail(
            label,
            "nothing is fetched from a network: download the file (model.safetensors on the hub) and give "
            "its path as weights=PATH",
        )
    state = _read(label, os.fspath(path))
    head = state.get("fc.weight")
    if head is None:
        fail(label, f"{path} holds no fc.weight, so it is no classifier of this collection")
    cls, arguments = networks[network]
    features_only = overrides.pop("features_only", False)
    kept = num_classes in (None, len(head)) and not features_only
    if not features_only:
        arguments = {**arguments, "num_classes": len(head) if num_classes is None else num_classes}
    try:
        model = cls(**{**arguments, **overrides}, features_only=features_only)
    except (TypeError, ValueError) as error:
        fail(label, f"{cls.__name__} cannot be built: {error}", error)
    _assign(label, model, state, with_head=kept)
    model.preprocessing = dict(IMAGENET)
    return model


def _networks():
    """Name in the collections to (class, arguments), of every class that names its weights."""
    return {
        name: (cls, arguments)
        for cls in registry.models().values()
        for name, arguments in getattr(cls, "torch_networks", {}).items()
    }


def _read(label, path):
    """Name to float32 array of every weight in a file."""
    if not os.path.isfile(path):
        fail(label, f"the weights file {path} does not exist")
    if not path.endswith((".safetensors", ".pth", ".pt")):
        fail(label, f"weights are read from .safetensors and .pth files. Received: {path}")
    try:
        if path.endswith(".safetensors"):
            from safetensors.numpy import load_file

            state = load_file(path)
        else:
            import torch

            loaded = torch.load(path, map_location="cpu", weights_only=True)
            state = {key: value.numpy() for key, value in loaded.items()}
    except ImportError as error:
        fail(label, f"reading {path} needs the package {error.name}", error)
    # What the two readers raise on a damaged file is open-ended: their own errors, pickle's, AttributeError.
    except Exception as error:
        fail(label, f"{path} cannot be read as weights: {error}", error)
    return {
        key: np.asarray(value, dtype="float32")
        for key, value in state.items()
        if not key.endswith("num_batches_tracked")
    }


def _assign(label, model, state, with_head):
    """Puts every array of `state` into its variable, once all of them are known to fit."""
    targets = model.torch_weights()
    if not with_head:
        state, targets = (
            {key: value for key, value in found.items() if not key.startswith("fc.")}
            for found in (state, targets)
        )
    for key, other in (
        (set(state) - set(targets), "not of this network"),
        (set(targets) - set(state), "missing"),
    ):
        if key:
            fail(label, f"the file's weights do not fit {type(model).__name__}: {sorted(key)[0]} is {other}")
    values = {}
    for key, variable in targets.items():
        value = state[key]
        # PyTorch keeps kernels as (out, in, height, width), Keras as (height, width, in, out).
        value = value.transpose(2, 3, 1, 0) if value.ndim == 4 else value.T
        if value.ndim == 4 and len(variable.shape) == 2 and value.shape[:2] == (1, 1):
            value = value[0, 0]
        if value.shape != tuple(variable.shape):
            fail(
                label,
                f"{key} must have shape {tuple(variable.shape)} in Keras' order. Received: {value.shape}",
            )
        if not np.isfinite(value).all():
            fail(label, f"{key} holds NaN or infinite values")
        values[key] = value
    for key, variable in targets.items():
        variable.assign(values[key])
