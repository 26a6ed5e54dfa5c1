"""Weights of other collections: timm's and torchvision's residual networks, read from a file.

Both collections name the weights of these networks alike. A file is data here: safetensors by its own reader,
`.pth` by `torch.load(weights_only=True)`, and every array is checked against the network before it is used.
"""

import os
import re

import numpy as np

from keras_cnn_zoo.models.presets.manifest import fail, shown

COLLECTIONS = ("timm", "torchvision")
# Name in the collection to (class, arguments).
NETWORKS = {
    **{f"resnet{depth}": ("ResNet", {"variant": str(depth)}) for depth in (18, 34, 50, 101, 152)},
    "seresnet50": ("ResNet", {"variant": "50", "squeeze_ratio": 16}),
}
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
    from keras_cnn_zoo import models

    network = name.split("/", 1)[1].split(".")[0]
    if network not in NETWORKS:
        fail(label, f"weights can be read for {', '.join(sorted(NETWORKS))}. Received: {shown(network)}")
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
    class_name, arguments = NETWORKS[network]
    features_only = overrides.pop("features_only", False)
    kept = num_classes in (None, len(head)) and not features_only
    if not features_only:
        arguments = {**arguments, "num_classes": len(head) if num_classes is None else num_classes}
    cls = getattr(models, class_name)
    try:
        model = cls(**{**arguments, **overrides}, features_only=features_only)
    except (TypeError, ValueError) as error:
        fail(label, f"{class_name} cannot be built: {error}", error)
    _assign(label, model, state, with_head=kept)
    model.preprocessing = dict(IMAGENET)
    return model


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
    targets = _targets(model)
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


def _targets(model):
    """Weight name in PyTorch to variable, for every weight of a `ResNet`."""
    found = {}

    def layer(prefix, part):
        if part is None:
            return
        renamed = {"gamma": "weight", "beta": "bias", "kernel": "weight"}
        renamed |= {"moving_mean": "running_mean", "moving_variance": "running_var"}
        for variable in part.weights:
            short = variable.path.rsplit("/", 1)[-1]
            found[f"{prefix}.{renamed.get(short, short)}"] = variable

    layer("conv1", model.get_layer("stem_convolution"))
    layer("bn1", model.get_layer("stem_normalization"))
    for block in model.layers:
        match = re.fullmatch(r"stage_(\d+)_block_(\d+)", block.name)
        if not match:
            continue
        prefix = f"layer{match[1]}.{int(match[2]) - 1}"
        for index, (convolution, normalization) in enumerate(
            zip(block.convolutions, block.normalizations, strict=True), start=1
        ):
            layer(f"{prefix}.conv{index}", convolution)
            layer(f"{prefix}.bn{index}", normalization)
        layer(f"{prefix}.downsample.0", block.projection)
        layer(f"{prefix}.downsample.1", block.projection_normalization)
        if block.squeeze is not None:
            layer(f"{prefix}.se.fc1", block.squeeze.reduce)
            layer(f"{prefix}.se.fc2", block.squeeze.expand)
    if not model.features_only:
        layer("fc", model.get_layer("logits"))
    return found
