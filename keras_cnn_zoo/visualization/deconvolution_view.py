"""What in a picture excites a feature: Zeiler and Fergus' deconvolutional network."""

import contextlib

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.utils import autodiff, layer_tree, validation

RECTIFIERS = (keras.activations.relu, keras.activations.relu6)
OPERATIONS = ("Relu", "Relu6")  # of keras.ops in a functional graph


def deconvolution_view(model, images, layer, *, channel, position="strongest"):
    """Projects the activation of one channel of a layer back to the pixels that caused it.

    All other activations of the layer are set to 0, and the rest goes down through the network: through a max
    pooling to where its maximum was (unpooling by switches), through a rectifier by `max(signal, 0)`, through
    a convolution by its transposed filters. Shows the pattern that a feature answers to in each picture, and
    so finds dead, aliased or badly scaled first layers.

    Rectifiers are the ReLU layers and the layers with `activation="relu"`, wherever they are nested. Every
    other layer goes back by its derivative at the picture, which for max pooling, convolutions, average
    pooling, sums and batch normalization at inference are the paper's rules.

    Reference: Zeiler, Fergus, 2013, "Visualizing and Understanding Convolutional Networks", arXiv 1311.2901,
    section 2.1.

    Args:
        model: A functional or sequential `keras.Model` with one input, of pictures.
        images: A batch of pictures as `model` takes them, after its preprocessing.
        layer: Name of a layer of `model`, or the layer itself.
        channel: Which channel of the layer's output, a non-negative integer.
        position: What of the channel's map is kept: `"strongest"`, its largest activation, as in the paper's
            figures, `"all"`, or the indices of one position, an integer for each axis of space.

    Returns:
        A float32 NumPy array of the shape of `images`, the projection on each picture; zeros where the kept
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
    data_format = getattr(target, "data_format", None) or keras.config.image_data_format()
    axis = 1 if data_format == "channels_first" else len(output.shape) - 1
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
        validation.fail("position", f"'strongest', 'all' or {rank} non-negative integers", position)
    return tuple(validation.non_negative_integer("position", index) for index in position)


def _mask(feature, position):
    """1 where a feature (batch, *space) is kept, 0 elsewhere."""
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
    """Inside, what comes back through a rectifier is `max(signal, 0)`, wherever its input was negative."""
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
    """The same function, whose gradient lets the positive part of the signal through."""

    @ops.custom_gradient
    def rectified(inputs):
        def gradient(*arguments, upstream=None):
            # PyTorch hands over the inputs too, and the signal by its name.
            return ops.relu(arguments[0] if upstream is None else upstream)

        return function(inputs), gradient

    return rectified
