"""Pooling in 3D by planes against loops, and against Keras' 3D pooling."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops

from keras_cnn_zoo.ops import planes
from keras_cnn_zoo.utils.autodiff import value_and_gradients

WINDOWS = [((2, 2, 2), (2, 2, 2)), ((3, 2, 1), (1, 2, 3)), ((1, 3, 2), (2, 1, 2)), ((2, 1, 1), (3, 1, 1))]


def by_loops(reduce, inputs, size, strides):
    counts = [(n - k) // s + 1 for n, k, s in zip(inputs.shape[1:4], size, strides, strict=True)]
    outputs = np.zeros((len(inputs), *counts, inputs.shape[-1]))
    for place in itertools.product(*map(range, counts)):
        window = tuple(slice(s * at, s * at + k) for at, k, s in zip(place, size, strides, strict=True))
        outputs[(slice(None), *place)] = reduce(inputs[(slice(None), *window)], axis=(1, 2, 3))
    return outputs


def shuffled(shape, dtype="float32"):
    return np.random.default_rng(0).permutation(int(np.prod(shape))).reshape(shape).astype(dtype)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("size", "strides"), WINDOWS)
@pytest.mark.parametrize(
    ("function", "reduce"), [(ops.max_pool, np.max), (ops.average_pool, np.mean)], ids=["max", "mean"]
)
def test_pooling_equals_loops(function, reduce, size, strides, dtype, data_format):
    inputs = shuffled((2, 5, 6, 7, 3), dtype)
    expected = by_loops(reduce, inputs.astype("float64"), size, strides)
    if data_format == "channels_first":
        inputs, expected = inputs.transpose(0, 4, 1, 2, 3), expected.transpose(0, 4, 1, 2, 3)
    tensor = ops.convert_to_tensor(inputs)
    outputs = planes.pool(function, tensor, size, strides, data_format)
    assert outputs.dtype == tensor.dtype
    tolerance = 1e-13 if keras.backend.standardize_dtype(tensor.dtype) == "float64" else 1e-6
    np.testing.assert_allclose(ops.convert_to_numpy(outputs), expected, rtol=tolerance)


def test_only_the_first_of_equal_entries_gets_the_gradient():
    def total(tensor):
        return ops.sum(planes.pool(ops.max_pool, tensor, (2, 2, 2), (2, 2, 2), "channels_last"))

    _, (gradient,), _ = value_and_gradients(total, [ops.ones((1, 2, 2, 2, 1))])
    assert ops.convert_to_numpy(gradient).ravel().tolist() == [1, 0, 0, 0, 0, 0, 0, 0]


def test_an_entry_just_below_the_maximum_gets_no_gradient():
    inputs = np.zeros((1, 2, 2, 2, 1), "float32")
    inputs[0, 1, 1, 1, 0], inputs[0, 0, 0, 0, 0] = 31.0, np.nextafter(np.float32(31), np.float32(0))

    def total(tensor):
        return ops.sum(planes.pool(ops.max_pool, tensor, (2, 2, 2), (2, 2, 2), "channels_last"))

    _, (gradient,), _ = value_and_gradients(total, [ops.convert_to_tensor(inputs)])
    assert ops.convert_to_numpy(gradient).ravel().tolist() == [0, 0, 0, 0, 0, 0, 0, 1]


def test_2d_pooling_is_that_of_keras():
    inputs = ops.convert_to_tensor(shuffled((2, 6, 7, 3)))
    outputs = planes.pool(ops.max_pool, inputs, [3, 2], [2, 2], "channels_last")
    expected = ops.max_pool(inputs, (3, 2), (2, 2), "valid", "channels_last")
    np.testing.assert_array_equal(ops.convert_to_numpy(outputs), ops.convert_to_numpy(expected))
