"""Grad-CAM: the parts of an input that speak for a class."""

import contextlib

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.utils import autodiff, validation
from keras_cnn_zoo.visualization.data_formats import data_format_of


def grad_cam(model, inputs, *, layer=None, class_ids=None):
    """Returns a heat map per input: where the feature maps of a layer speak for a class.

    With the score `y` of the class (a logit) and the feature maps `A_k` of the layer,

        weight_k = mean over positions of dy / dA_k
        heat = relu(sum over k of weight_k A_k), divided by its maximum

    It explains single answers of a trained classifier: is it the object that decides, or the background? The
    map is as coarse as the layer. Resize it to the input to look at both.

    Reference: Selvaraju et al., 2017, "Grad-CAM: Visual Explanations from Deep Networks via Gradient-based
    Localization", arXiv 1610.02391. Differs from the paper: maps are divided by their maximum.

    Args:
        model: A functional or sequential `keras.Model` whose output is (batch, classes) logits.
        inputs: A batch of inputs as `model` takes them, after preprocessing.
        layer: Name of a layer of `model` with two spatial axes, or the layer itself. None for the last one
            with more than one position, which is usual.
        class_ids: Sequence of a class per input, or None for the class with the largest logit.

    Returns:
        A float32 NumPy array (batch, height, width) in [0, 1] of the size of the layer's maps. It is 0
        everywhere if nothing speaks for the class.

    Raises:
        ValueError: for a model without such a layer, or an argument outside its range.

    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, activation="relu"),
    ...                           keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(5)])
    >>> grad_cam(model, np.ones((2, 8, 8, 3)), class_ids=[0, 4]).shape
    (2, 6, 6)
    """
    validation.instance("model", model, keras.Model, "a keras.Model")
    target = _last_map(model) if layer is None else _layer_of(model, layer)
    inputs = ops.convert_to_tensor(inputs)
    with _watched(target) as seen:
        logits = model(inputs, training=False)
    if len(seen) != 1:
        validation.fail("layer", "a layer that the model calls once", target.name)
    if len(logits.shape) != 2:
        validation.fail("model", "a model with an output (batch, classes)", model)
    maps = ops.cast(seen[0], "float32")
    class_ids = _checked_ids(class_ids, ops.convert_to_numpy(logits))

    def score(shift):
        # The derivative by a shift of the maps is that by the maps, also where other paths pass them by.
        with _watched(target, shift):
            outputs = model(inputs, training=False)
        chosen = ops.one_hot(class_ids, outputs.shape[-1], dtype="float32")
        return ops.sum(ops.cast(outputs, "float32") * chosen)

    _, (gradient,), _ = autodiff.value_and_gradients(score, [ops.zeros_like(maps)])
    maps, gradient = (ops.convert_to_numpy(one) for one in (maps, gradient))
    if data_format_of(model, target) == "channels_first":
        maps, gradient = (np.moveaxis(one, 1, -1) for one in (maps, gradient))
    weights = gradient.mean(axis=(1, 2), keepdims=True)
    heat = np.maximum((weights * maps).sum(axis=-1), 0)
    most = heat.max(axis=(1, 2), keepdims=True)
    return (heat / np.where(most > 0, most, 1)).astype("float32")


def _checked_ids(class_ids, logits):
    if class_ids is None:
        return logits.argmax(axis=-1)
    ids = np.asarray(class_ids)
    if ids.shape != logits.shape[:1] or ids.dtype.kind not in "iu":
        validation.fail("class_ids", f"{len(logits)} integers, one per input", class_ids)
    if (ids < 0).any() or (ids >= logits.shape[1]).any():
        validation.fail("class_ids", f"classes from 0 to {logits.shape[1] - 1}", class_ids)
    return ids


def _space(model, layer):
    """Returns the lengths of the two spatial axes of a layer's output, or None if it has no maps."""
    try:
        shape = layer.output.shape
    except (AttributeError, ValueError):
        # Several outputs, or several calls.
        return None
    if len(shape) != 4:
        return None
    return shape[2:] if data_format_of(model, layer) == "channels_first" else shape[1:3]


def _last_map(model):
    for own in reversed(model.layers):
        space = None if isinstance(own, keras.layers.InputLayer) else _space(model, own)
        if space is not None and tuple(space) != (1, 1):
            return own
    validation.fail("model", "a model with a layer that has two spatial axes", model)


def _layer_of(model, layer):
    for own in model.layers:
        if own is layer or own.name == layer:
            if _space(model, own) is None:
                validation.fail("layer", "a layer with two spatial axes", own.name)
            return own
    validation.fail("layer", "a layer of `model` or its name", layer)


@contextlib.contextmanager
def _watched(layer, shift=None):
    """Yields a list that gets each output of a layer inside the context; adds `shift` to them."""
    seen, before = [], layer.call

    def call(*args, **kwargs):
        output = before(*args, **kwargs)
        seen.append(output)
        return output if shift is None else output + ops.cast(shift, output.dtype)

    layer.call = call
    try:
        yield seen
    finally:
        del layer.call
