"""Max and average pooling of the same windows, and random bits to choose between them."""

import math

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.ops import planes, windows

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
        planes.pool(
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
