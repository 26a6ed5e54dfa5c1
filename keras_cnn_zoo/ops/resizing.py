"""Bilinear resizing as matrix products: differentiable under XLA, with sizes that may be tensors."""

import functools

import numpy as np
from keras import ops

from keras_cnn_zoo.utils.dtypes import at_least_float32


def resize_bilinear(inputs, size):
    """Resizes maps as `keras.ops.image.resize` does with "bilinear" and no antialiasing.

    Pixels have half-pixel centers, so corners align. The border is repeated beyond the outermost centers.
    Each axis is a product with a matrix of at most two nonzero entries per row. TensorFlow cannot compile the
    gradient of its resize with XLA, and computes it on one CPU core.

    Args:
        inputs: floating-point tensor (batch, height, width, channels).
        size: (height, width) of the result, integers or scalar tensors.

    Returns:
        A tensor (batch, *size, channels) of the dtype of `inputs`.
    """
    batch, height, width, channels = ops.shape(inputs)
    rows, columns = size
    x = inputs
    if not _same(height, rows):
        matrix = ops.cast(_matrix(height, rows), inputs.dtype)
        x = ops.matmul(matrix, ops.reshape(x, (batch, height, width * channels)))
    if not _same(width, columns):
        matrix = ops.cast(_matrix(width, columns), inputs.dtype)
        x = ops.matmul(matrix, ops.reshape(x, (batch * rows, width, channels)))
    return ops.cast(ops.reshape(x, (batch, rows, columns, channels)), inputs.dtype)


def _same(length, size):
    return isinstance(length, int) and isinstance(size, int) and length == size


def _matrix(length, size):
    """Returns (size, length) weights: row i weighs the two old pixels around the center of new pixel i."""
    if isinstance(length, int) and isinstance(size, int):
        return _constant_matrix(length, size)
    return _build_matrix(ops, length, size, at_least_float32("float32"))


@functools.lru_cache(maxsize=64)
def _constant_matrix(length, size):
    return _build_matrix(np, length, size, "float64")


def _build_matrix(backend, length, size, dtype):
    new, old = backend.arange(size), backend.arange(length)
    length, size = (backend.array(value, dtype) for value in (length, size))
    centers = (backend.array(new, dtype) + 0.5) * (length / size) - 0.5
    centers = backend.minimum(backend.maximum(centers, 0 * length), length - 1)
    distances = backend.abs(backend.reshape(centers, (-1, 1)) - backend.array(old, dtype))
    return backend.maximum(1 - distances, 0 * distances)
