"""Freezes a part of a model before training: its backbone, or the stem and the first levels of it."""

import re

import keras

from keras_cnn_zoo.utils.errors import InputError
from keras_cnn_zoo.utils.layer_tree import nested_layers

NONE, BACKBONE = "none", "backbone"


def check(freeze):
    """Returns "none", "backbone", or a level as an integer.

    Args:
        freeze: one of these; a level may be a string of digits, as on a command line.

    Raises:
        InputError: for anything else.
    """
    if isinstance(freeze, str) and re.fullmatch("[0-9]", freeze):
        freeze = int(freeze)
    if freeze not in (NONE, BACKBONE) and not (type(freeze) is int and 0 <= freeze <= 5):
        raise InputError(f'`freeze` must be "none", "backbone", or a level from 0 to 5. Received: {freeze!r}')
    return freeze


def backbone_layers(model):
    """Returns the layers before the parts that belong to the task, as a list, or None without a backbone.

    A detector or segmenter has one such layer, its backbone; a classifier has all layers but its head.
    """
    network = getattr(model, "backbone", None)
    if network is not None:
        return [network]
    if "features_only" not in model.get_config():
        return None
    return [layer for layer in model.layers if layer.name not in model.head_names]


def apply(model, freeze):
    """Sets `trainable=False` on the layers that `freeze` names.

    A frozen batch normalization uses its moving statistics in training too, and does not change them.

    Args:
        model: the model to train.
        freeze: what `check` returns. "backbone" is everything before the parts that belong to the task; for a
            classifier, everything but its head. A level N is the stem and the levels up to PN.

    Raises:
        InputError: for a model without a backbone, or a level that its backbone does not have.
    """
    if freeze == NONE:
        return
    layers = backbone_layers(model)
    if layers is None:
        raise InputError(f"`freeze`: {type(model).__name__} has no backbone. Received: {freeze!r}")
    if freeze == BACKBONE:
        for layer in layers:
            layer.trainable = False
        return
    # A classifier has the layers of its backbone, under the same names.
    network = body = getattr(model, "backbone", None)
    if body is None:
        body = type(model).from_config({**model.get_config(), "features_only": True})
    level = f"P{freeze}"
    if level not in body.output:
        raise InputError(
            f"`freeze`: the backbone has the levels {', '.join(sorted(body.output))}. Received: {freeze}"
        )
    owner = model if network is None else network
    for layer in keras.Model(body.input, body.output[level]).layers:
        if layer.weights:
            owner.get_layer(layer.name).trainable = False


def freeze_statistics(model):
    """Sets `trainable=False` on the batch normalization of the backbone; it uses its moving statistics.

    Args:
        model: the model to train.

    Raises:
        InputError: for a model without a backbone.
    """
    layers = backbone_layers(model)
    if layers is None:
        raise InputError(f"`frozen_statistics`: {type(model).__name__} has no backbone")
    for layer in layers:
        for part in nested_layers(layer):
            if isinstance(part, keras.layers.BatchNormalization):
                part.trainable = False
