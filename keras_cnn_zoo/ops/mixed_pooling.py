"""Max and average pooling of the same windows, and random bits to choose between them."""

import math

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.ops import windows

COINS_PER_DRAW = 24


def max_and_average(inputs, pool_size, strides, padding, data_format):
    """Returns the maximum and the mean of every window in at least float32, both without the padding.

    Windows are padded here, because Keras on PyTorch fills uneven padding with the border and includes it in
    the mean.
    """
    inputs = windows.as_float32(inputs)
    axes = windows.spatial_axes(len(pool_size), data_format)
    dtype = keras.backend.standardize_dtype(inputs.dtype)
    lowest = float(np.finfo(dtype).min)
    maximum, average = (
        _pool(
            function,
            windows.pad_windows(inputs, pool_size, strides, padding, axes, value=value),
            tuple(pool_size),
            tuple(strides),
            data_format,
        )
        for function, value in ((ops.max_pool, lowest), (ops.average_pool, 0))
    )
    if padding == "same":
        inside = windows.window_counts(ops.shape(inputs), pool_size, strides, padding, axes, dtype)
        average = average * (math.prod(pool_size) / inside)
    return maximum, average


def _pool(function, inputs, size, strides, data_format):
    if len(size) < 3 or keras.backend.standardize_dtype(inputs.dtype) != "float64":
        return function(inputs, size, strides, "valid", data_format)
    # TensorFlow has no 3D pooling kernel for float64, so pool within each plane, then across planes.
    if data_format == "channels_first":
        inputs = ops.transpose(inputs, (0, 2, 3, 4, 1))
    batch, depth, height, width, channels = ops.shape(inputs)
    planes = ops.reshape(inputs, (batch * depth, height, width, channels))
    planes = function(planes, size[1:], strides[1:], "valid", "channels_last")
    height, width = ops.shape(planes)[1:3]
    columns = ops.reshape(planes, (batch, depth, height * width, channels))
    columns = function(columns, (size[0], 1), (strides[0], 1), "valid", "channels_last")
    outputs = ops.reshape(columns, (batch, ops.shape(columns)[1], height, width, channels))
    return ops.transpose(outputs, (0, 4, 1, 2, 3)) if data_format == "channels_first" else outputs


def fair_coins(shape, seed):
    """Draws booleans of `shape`, each true with probability one half.

    Each drawn number gives 24 of them, because XLA on a CPU takes ten times longer to draw than to pool.
    """
    count = math.prod(shape)
    draws = keras.random.randint(
        ((count + COINS_PER_DRAW - 1) // COINS_PER_DRAW, 1), 0, 2**COINS_PER_DRAW, dtype="int32", seed=seed
    )
    bits = ops.bitwise_and(ops.right_shift(draws, ops.arange(COINS_PER_DRAW, dtype="int32")), 1)
    return ops.reshape(windows.take_range(ops.reshape(bits, (-1,)), 0, 0, count), shape) > 0
