"""Slots for parts: an activation, normalization, or pooling given as a name, a layer, or None.

A slot takes a prototype. Every use gets a new clone from the prototype's config, so two uses never share
weights, and the model's config can contain the prototype.
"""

import keras

from keras_cnn_zoo.utils.validation import fail

POOLING = {
    "max": lambda: keras.layers.MaxPooling2D(2, strides=2, data_format="channels_last"),
    "average": lambda: keras.layers.AveragePooling2D(2, strides=2, data_format="channels_last"),
}
NORMALIZATION = {
    "batch": lambda: keras.layers.BatchNormalization(axis=-1, momentum=0.9, epsilon=1e-5),
}


def _resolve(name, value, named):
    """Returns the prototype layer for `value`: a layer, a name, a serialized layer, or None."""
    if value is None or isinstance(value, keras.Layer):
        return value
    if isinstance(value, dict):
        layer = keras.saving.deserialize_keras_object(value)
        if isinstance(layer, keras.Layer):
            return layer
    if isinstance(value, str) and value in named:
        return named[value]()
    fail(name, "a keras.Layer, None, or one of " + ", ".join(map(repr, sorted(named))), value)


def pooling(name, value):
    """Returns a pooling prototype from a layer, None, "max", or "average" (both 2 x 2, stride 2)."""
    return _resolve(name, value, POOLING)


def normalization(name, value):
    """Returns a normalization prototype from a layer, None, or "batch"."""
    return _resolve(name, value, NORMALIZATION)


def activation(name, value):
    """Returns an activation prototype from a layer, None, or any name that `keras.activations.get` knows."""
    if isinstance(value, str):
        try:
            keras.activations.get(value)
        except ValueError:
            fail(name, "a keras.Layer, None, or the name of a Keras activation", value)
        return keras.layers.Activation(value)
    return _resolve(name, value, {})


def clone(prototype, name=None):
    """Returns a new, unbuilt copy of `prototype` with the name `name`; None stays None."""
    if prototype is None:
        return None
    config = prototype.get_config()
    config["name"] = name
    # A built prototype has the shape that it was built for, but the copy may have another input.
    config.pop("build_config", None)
    return type(prototype).from_config(config)


def apply(prototype, inputs, name=None):
    """Calls a new clone of `prototype` on `inputs`; None is the identity."""
    layer = clone(prototype, name)
    return inputs if layer is None else layer(inputs)


def serialize(prototype):
    """Returns a config's value for a slot: None or a serialized layer."""
    return None if prototype is None else keras.saving.serialize_keras_object(prototype)
