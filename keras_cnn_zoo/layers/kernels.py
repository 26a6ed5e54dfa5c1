"""Weights, shapes and configs of layers with a kernel, from the arguments that they keep by Keras' names."""

import keras

from keras_cnn_zoo.ops import windows


def add_kernel(layer, shape, initializer=None, name="kernel"):
    """A weight with the layer's regularizer and constraint of kernels, and their initializer by default."""
    return layer.add_weight(
        name=name,
        shape=shape,
        initializer=initializer or layer.kernel_initializer,
        regularizer=layer.kernel_regularizer,
        constraint=layer.kernel_constraint,
    )


def add_bias(layer, shape, initializer=None, name="bias"):
    """As `add_kernel`, for a bias; None without `use_bias`."""
    if not layer.use_bias:
        return None
    return layer.add_weight(
        name=name,
        shape=shape,
        initializer=initializer or layer.bias_initializer,
        regularizer=layer.bias_regularizer,
        constraint=layer.bias_constraint,
    )


def dense_config(layer):
    """What `get_config` says of an activation, a kernel and a bias."""
    return {
        "activation": keras.activations.serialize(layer.activation),
        "use_bias": layer.use_bias,
        "kernel_initializer": keras.initializers.serialize(layer.kernel_initializer),
        "bias_initializer": keras.initializers.serialize(layer.bias_initializer),
        "kernel_regularizer": keras.regularizers.serialize(layer.kernel_regularizer),
        "bias_regularizer": keras.regularizers.serialize(layer.bias_regularizer),
        "activity_regularizer": keras.regularizers.serialize(layer.activity_regularizer),
        "kernel_constraint": keras.constraints.serialize(layer.kernel_constraint),
        "bias_constraint": keras.constraints.serialize(layer.bias_constraint),
    }


def convolution_config(layer):
    """What `get_config` says of a convolution."""
    names = ["filters", "kernel_size", "strides", "padding", "data_format"]
    # Locally connected layers have neither.
    names += [name for name in ("dilation_rate", "groups") if hasattr(layer, name)]
    return {**{name: getattr(layer, name) for name in names}, **dense_config(layer)}


def convolution_shape(layer, input_shape, channels):
    """The output shape of a convolution with that many channels, or ValueError where no window fits."""
    return windows.window_shape(
        input_shape,
        layer.kernel_size,
        layer.strides,
        layer.padding,
        layer.data_format,
        channels=channels,
        dilation=getattr(layer, "dilation_rate", None),
        owner=type(layer).__name__,
    )


def grouped_channels(layer, input_shape):
    """The channels of the input, or ValueError where they are unknown or do not fall into the groups."""
    channels = input_shape[-1 if layer.data_format == "channels_last" else 1]
    if channels is None or channels % layer.groups:
        raise ValueError(
            "The channels of the input must be known and divisible by `groups`. "
            f"Received: groups={layer.groups}, input_shape={tuple(input_shape)}"
        )
    return channels
