"""Spectral pooling: low-pass resampling, written as matrix products in the spatial domain."""

import functools
import math

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.ops import windows


def spectral_pool(inputs, output_size, data_format):
    """Crops the centered spectrum of the two spatial axes to `output_size` and transforms it back.

    The crop, inverse transform, and real part are one linear map `P x Q^T`, except at one frequency: the
    corner where both axes are at the new Nyquist frequency. The product averages its two aliases (with equal
    and opposite signs), but the paper's crop keeps the first. They differ by a product of two sines, which is
    one more row in each matrix. Matrix products are several times faster than transforms on a CPU, need no
    complex numbers, and can be exported.
    """
    dtype = inputs.dtype
    inputs = windows.as_float32(inputs)
    shape = ops.shape(inputs)
    height, width = shape[1:3] if data_format == "channels_last" else shape[2:4]
    rows, columns = output_size
    vertical, vertical_signs = _matrix(height, rows, inputs.dtype)
    horizontal, horizontal_signs = _matrix(width, columns, inputs.dtype)
    if data_format == "channels_last":
        batch, channels = shape[0], shape[3]
        outputs = _multiply(horizontal, ops.reshape(inputs, (-1, width, channels)))
        outputs = _multiply(vertical, ops.reshape(outputs, (batch, height, (columns + 1) * channels)))
        outputs = ops.reshape(outputs, (batch, rows + 1, columns + 1, channels))
        corner = outputs[:, rows:, columns:]
        signs = ops.reshape(vertical_signs, (-1, 1, 1)) * ops.reshape(horizontal_signs, (-1, 1))
        outputs = outputs[:, :rows, :columns]
    else:
        outputs = _multiply(vertical, ops.reshape(inputs, (-1, height, width)))
        outputs = _multiply_transposed(ops.reshape(outputs, (-1, width)), horizontal)
        outputs = ops.reshape(outputs, (shape[0], shape[1], rows + 1, columns + 1))
        corner = outputs[:, :, rows:, columns:]
        signs = ops.reshape(vertical_signs, (-1, 1)) * horizontal_signs
        outputs = outputs[:, :, :rows, :columns]
    return ops.cast(outputs - signs * corner, dtype)


def _matrix(length, size, dtype):
    """Returns the resampling matrix of `size` rows plus a row of sines, and the signs of the sines."""
    if isinstance(length, int) and isinstance(size, int):
        matrix, signs = _constant_matrix(length, size)
        return ops.convert_to_tensor(matrix, dtype), ops.convert_to_tensor(signs, dtype)
    return _build_matrix(ops, length, size, keras.backend.standardize_dtype(dtype))


@functools.lru_cache(maxsize=64)
def _constant_matrix(length, size):
    return _build_matrix(np, length, size, "float64")


def _build_matrix(backend, length, size, dtype):
    """Returns `matrix[i, j] = 1/length sum_k weight_k cos 2 pi k (i / size - j / length)`, k up to size // 2.

    Angles are reduced in integers first, so float32 stays accurate for long axes.
    """
    is_even = 1 - size % 2
    frequency = backend.arange(size // 2 + 1)
    new, old = backend.arange(size), backend.arange(length)

    def angles(position, period):
        turns = backend.array(backend.reshape(position, (-1, 1)) * frequency % period, dtype)
        return turns * (2 * math.pi / backend.array(period, dtype))

    # Each frequency represents a conjugate pair, except 0 and, in an even spectrum, the Nyquist frequency.
    single = backend.array(frequency == 0, dtype) + backend.array(2 * frequency == size, dtype)
    weight = (2 - single) / backend.array(length, dtype)
    to, back = angles(old, length), angles(new, size)
    matrix = backend.einsum("ik,jk->ij", weight * backend.cos(back), backend.cos(to))
    matrix = matrix + backend.einsum("ik,jk->ij", weight * backend.sin(back), backend.sin(to))
    nyquist = backend.array(is_even, dtype) * weight[-1:] * backend.sin(to[:, -1])
    matrix = backend.concatenate([matrix, backend.reshape(nyquist, (1, -1))], axis=0)
    return matrix, backend.array(1 - 2 * (new % 2), dtype)


def _multiply(matrix, tensor):
    """Multiplies `matrix` by every matrix of the batch `tensor`."""
    # keras.ops.matmul computes float64 in float32 on PyTorch; einsum is three times slower on TensorFlow.
    if keras.backend.standardize_dtype(tensor.dtype) == "float64":
        return ops.einsum("ij,bjk->bik", matrix, tensor)
    return ops.matmul(matrix, tensor)


def _multiply_transposed(tensor, matrix):
    if keras.backend.standardize_dtype(tensor.dtype) == "float64":
        return ops.einsum("bj,ij->bi", tensor, matrix)
    return ops.matmul(tensor, ops.transpose(matrix))
