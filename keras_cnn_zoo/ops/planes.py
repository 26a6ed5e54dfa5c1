"""Keras' pooling, in 3D as two 2D poolings where that is better.

Inputs (batch, depth, height, width, channels) -> (batch * depth, height, width, channels) -> 2D pooling
within each plane -> (batch, depth, height * width, channels) -> 2D pooling across planes -> (batch, *windows,
channels).
"""

import keras
from keras import ops


def pool(function, inputs, size, strides, data_format):
    """Returns `function(inputs, size, strides, "valid", data_format)`.

    TensorFlow has no 3D pooling for float64, and LiteRT has none at all. On a CPU, two 2D poolings take less
    time, forward and backward: a third for the maximum and a sixth for the mean in a TensorFlow graph, with
    XLA no more than 3D pooling. TensorFlow's gradient of 3D max pooling also flows to entries that are just
    below the maximum.

    Args:
        function: `keras.ops.max_pool` or `keras.ops.average_pool`.
        inputs: tensor with the spatial axes of `data_format`.
        size: tuple of integers, one per spatial axis.
        strides: tuple of integers.
        data_format: "channels_last" or "channels_first".
    """
    size, strides = tuple(size), tuple(strides)
    if len(size) < 3 or keras.backend.backend() != "tensorflow":
        return function(inputs, size, strides, "valid", data_format)
    if data_format == "channels_first":
        inputs = ops.transpose(inputs, (0, 2, 3, 4, 1))
    depth, height, width, channels = ops.shape(inputs)[1:]
    outputs = ops.reshape(inputs, (-1, height, width, channels))
    outputs = function(outputs, size[1:], strides[1:], "valid", "channels_last")
    height, width = ops.shape(outputs)[1:3]
    outputs = ops.reshape(outputs, (-1, depth, height * width, channels))
    outputs = function(outputs, (size[0], 1), (strides[0], 1), "valid", "channels_last")
    outputs = ops.reshape(outputs, (-1, ops.shape(outputs)[1], height, width, channels))
    return ops.transpose(outputs, (0, 4, 1, 2, 3)) if data_format == "channels_first" else outputs
