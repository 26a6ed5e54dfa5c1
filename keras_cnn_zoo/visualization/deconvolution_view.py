"""Zeiler and Fergus' deconvolutional network: the pattern in an image that activates a feature.

Images (batch, height, width, channels) -> replace the gradient of every rectifier -> forward pass to one
channel of the layer (batch, *space) -> mask the positions to keep -> backward pass to the images, with the
activation itself as the upstream gradient -> projections of the shape of the images.
"""

import contextlib

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.utils import autodiff, layer_tree, validation
from keras_cnn_zoo.visualization.data_formats import data_format_of

RECTIFIERS = (keras.activations.relu, keras.activations.relu6)
OPERATIONS = ("Relu", "Relu6")  # of keras.ops in a functional graph


def deconvolution_view(model, images, layer, *, channel, position="strongest"):
    """Projects the activation of one channel of a layer back to the pixels that caused it.

    It sets all other activations of the layer to 0 and propagates the rest back through the network: a max
    pooling puts the signal where its maximum was (unpooling with switches), a rectifier applies `max(signal,
    0)`, and a convolution applies its transposed filters. This shows the pattern that a feature responds to
    in each image, and reveals dead, aliased, or badly scaled first layers.

    Rectifiers are the ReLU layers and the layers with `activation="relu"`, at any depth. Every other layer
    uses its derivative at the image. For convolutions, max and average pooling, sums, and batch normalization
    in inference mode, this is the paper's rule.

    Reference: Zeiler, Fergus, 2013, "Visualizing and Understanding Convolutional Networks", arXiv 1311.2901,
    section 2.1.

    Args:
        model: A functional or sequential `keras.Model` with one input, of images.
        images: A batch of images as `model` takes them, after preprocessing.
        layer: Name of a layer of `model`, or the layer itself.
        channel: Index of the channel of the layer's output, a non-negative integer.
        position: Part of the channel's map to keep: `"strongest"`, its largest activation, as in the paper's
            figures, `"all"`, or the indices of one position, an integer per spatial axis.

    Returns:
        A float32 NumPy array of the shape of `images` with the projection per image, all 0 if the kept
        activation is 0.

    Raises:
        ValueError: for an argument outside its range.

    >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, activation="relu"),
    ...                           keras.layers.MaxPooling2D(2, name="pool")])
    >>> deconvolution_view(model, np.ones((2, 8, 8, 3)), "pool", channel=1).shape
    (2, 8, 8, 3)
    """
    validation.instance("model", model, keras.Model, "a keras.Model")
    if len(getattr(model, "inputs", None) or ()) != 1:
        validation.fail("model", "a functional or built sequential keras.Model with one input", model)
    target = _layer_of(model, layer)
    images = ops.convert_to_tensor(images, "float32")
    output = keras.tree.flatten(target.output)[0]
    view = keras.Model(model.inputs, output)
    axis = 1 if data_format_of(model, target) == "channels_first" else len(output.shape) - 1
    channel = validation.non_negative_integer("channel", channel)
    if output.shape[axis] is None or channel >= output.shape[axis]:
        validation.fail("channel", f"one of the layer's {output.shape[axis]} channels", channel)
    if position not in ("strongest", "all"):
        position = _position(position, len(output.shape) - 2)

    def kept_activation(pixels):
        feature = ops.take(view(pixels, training=False), channel, axis=axis)
        signal = ops.stop_gradient(feature)
        return ops.sum(feature * signal * _mask(signal, position))

    with _rectified_signals(model):
        _, (projection,), _ = autodiff.value_and_gradients(kept_activation, [images])
    return ops.convert_to_numpy(projection)


def _layer_of(model, layer):
    for own in model.layers:
        if own is layer or own.name == layer:
            return own
    validation.fail("layer", "a layer of `model` or its name", layer)


def _position(position, rank):
    if not isinstance(position, (tuple, list)) or len(position) != rank:
        validation.fail("position", f"'strongest', 'all', or {rank} non-negative integers", position)
    return tuple(validation.non_negative_integer("position", index) for index in position)


def _mask(feature, position):
    """Returns 1 where a feature (batch, *space) is kept, and 0 elsewhere."""
    if position == "all" or len(feature.shape) == 1:
        return ops.ones_like(feature)
    space = tuple(ops.shape(feature)[1:])
    if position == "strongest":
        flat = ops.reshape(feature, (ops.shape(feature)[0], -1))
        mask = ops.one_hot(ops.argmax(flat, axis=1), flat.shape[1], dtype=feature.dtype)
        return ops.reshape(mask, ops.shape(feature))
    if any(index >= length for index, length in zip(position, space, strict=True)):
        validation.fail("position", f"inside the layer's map of {space}", position)
    mask = np.zeros(space, "float32")
    mask[position] = 1
    return ops.cast(mask, feature.dtype)


@contextlib.contextmanager
def _rectified_signals(model):
    """Makes the gradient of every rectifier `max(signal, 0)`, whatever its input was, inside the context."""
    undo = []
    try:
        for layer in layer_tree.nested_layers(model):
            if getattr(layer, "activation", None) in RECTIFIERS:
                undo.append((setattr, layer, "activation", layer.activation))
                layer.activation = _rectifying(layer.activation)
            elif isinstance(layer, keras.layers.ReLU) and not layer.negative_slope:
                undo.append((delattr, layer, "call"))
                layer.call = _rectifying(layer.call)
            for operation in getattr(layer, "operations", ()):
                if not isinstance(operation, keras.layers.Layer) and type(operation).__name__ in OPERATIONS:
                    undo.append((delattr, operation, "call"))
                    operation.call = _rectifying(operation.call)
        yield
    finally:
        for change, *arguments in reversed(undo):
            change(*arguments)


def _rectifying(function):
    """Returns the same function with a gradient that passes the positive part of the signal."""

    @ops.custom_gradient
    def rectified(inputs):
        def gradient(*arguments, upstream=None):
            # PyTorch also passes the inputs, and passes the signal by name.
            return ops.relu(arguments[0] if upstream is None else upstream)

        return function(inputs), gradient

    return rectified
