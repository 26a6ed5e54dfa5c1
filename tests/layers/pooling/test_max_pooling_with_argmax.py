"""MaxPoolingWithArgmax2D against windows by loops and Keras' max pooling."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import MaxPoolingWithArgmax2D
from tests.helpers import compiled
from tests.layers.pooling.oracles import as_tuple, pooled


def places(inputs, *, pool_size=2, strides=None, padding="valid", data_format="channels_last"):
    """Returns the row-major index of the first maximum in each window; padding counts as entries."""
    inputs = np.moveaxis(inputs, 1, -1) if data_format == "channels_first" else inputs
    size = as_tuple(pool_size, 2)
    step = size if strides is None else as_tuple(strides, 2)
    counts, before = [], []
    for length, extent, stride in zip(inputs.shape[1:3], size, step, strict=True):
        same = padding == "same"
        counts.append(-(-length // stride) if same else (length - extent) // stride + 1)
        before.append(max((counts[-1] - 1) * stride + extent - length, 0) // 2 if same else 0)
    found = np.zeros((len(inputs), *counts, inputs.shape[-1]), int)
    for n, row, column, c in np.ndindex(found.shape):
        best = -np.inf
        for i, j in np.ndindex(*size):
            y, x = row * step[0] + i - before[0], column * step[1] + j - before[1]
            if 0 <= y < inputs.shape[1] and 0 <= x < inputs.shape[2] and inputs[n, y, x, c] > best:
                best, found[n, row, column, c] = inputs[n, y, x, c], i * size[1] + j
    return np.moveaxis(found, -1, 1) if data_format == "channels_first" else found


def reference(inputs, weights, **windows):
    return pooled(inputs, max, **windows), places(inputs, **windows)


CASES = [
    dict(
        cls=MaxPoolingWithArgmax2D,
        init_kwargs={
            "pool_size": (3, 2),
            "strides": (2, 3),
            "padding": "same",
            "data_format": "channels_last",
        },
        input_shape=(2, 8, 7, 3),
        reference=reference,
        selects_value="maximum",
    ),
    dict(
        cls=MaxPoolingWithArgmax2D,
        init_kwargs={},
        input_shape=(2, 6, 7, 3),
        reference=reference,
        selects_value="maximum",
    ),
]


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("pool_size, strides", [(2, None), (3, 2), ((1, 3), (2, 1)), (2, 3)])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("size", [(7, 6), (3, 3)])
def test_maxima_equal_keras_and_switches_the_loops(pool_size, strides, padding, size):
    inputs = np.random.default_rng(0).normal(size=(2, *size, 2)).astype("float32")
    window = {"pool_size": pool_size, "strides": strides, "padding": padding}
    maxima, switches = MaxPoolingWithArgmax2D(**window)(inputs)
    np.testing.assert_array_equal(numpy_of(maxima), numpy_of(keras.layers.MaxPooling2D(**window)(inputs)))
    np.testing.assert_array_equal(numpy_of(switches), places(inputs, **window))


def test_padding_is_never_a_maximum_and_ties_go_to_the_first():
    maxima, switches = MaxPoolingWithArgmax2D(3, 1, padding="same")(-np.ones((1, 2, 2, 1), "float32"))
    assert (numpy_of(maxima) == -1).all()
    np.testing.assert_array_equal(numpy_of(switches)[0, ..., 0], [[4, 3], [1, 0]])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_the_maxima_keep_the_dtype(dtype):
    maxima, switches = MaxPoolingWithArgmax2D(dtype=dtype)(np.ones((1, 2, 2, 1)))
    assert keras.backend.standardize_dtype(maxima.dtype) == dtype
    assert keras.backend.standardize_dtype(switches.dtype) == "int32"


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"pool_size": 2.0}, "`pool_size` must be a positive integer or 2 of them. Received: pool_size=2.0"),
        ({"strides": (1, 0)}, "`strides` must be a positive integer or 2 of them"),
        ({"padding": None}, "`padding` must be one of 'valid', 'same'. Received: padding=None"),
        ({"data_format": 1}, "`data_format` must be one of"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError) as caught:
        MaxPoolingWithArgmax2D(**arguments)
    assert message in str(caught.value)


def test_refuses_inputs_smaller_than_a_window():
    with pytest.raises(ValueError, match=r"window of `MaxPoolingWithArgmax2D` is larger"):
        MaxPoolingWithArgmax2D(3).build((1, 2, 4, 3))
    with pytest.raises(ValueError, match=r"`MaxPoolingWithArgmax2D` takes inputs of rank 4"):
        MaxPoolingWithArgmax2D(2).build((1, 4, 3))


@pytest.mark.parametrize("compiling", [False, True])
def test_nan_is_treated_as_in_the_sibling(compiling):
    maps = np.random.default_rng(0).normal(size=(1, 4, 4, 1)).astype("float32")
    maps[0, 0, 0] = np.nan
    maps[0, 2:, 2:] = np.nan
    layer, sibling = MaxPoolingWithArgmax2D(2), keras.layers.MaxPooling2D(2)
    functions = [lambda x: layer(x)[0], sibling]
    if compiling:
        functions = [compiled(function) for function in functions]
    ours, theirs = (
        np.asarray(keras.ops.convert_to_numpy(function(keras.ops.convert_to_tensor(maps))))
        for function in functions
    )
    np.testing.assert_array_equal(ours, theirs)
