"""Window geometry against loops over NumPy slices."""

import itertools

import keras
import numpy as np
import pytest

from keras_cnn_zoo.ops import windows


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize("length", [1, 4, 7, 9])
@pytest.mark.parametrize(
    "size, stride, dilation", [(1, 1, 1), (3, 1, 1), (3, 2, 1), (2, 3, 1), (4, 4, 1), (3, 1, 2)]
)
def test_padding_gives_the_expected_number_of_windows(length, size, stride, dilation):
    for padding in ("same", "causal"):
        before, after = windows.padding_amounts(length, size, stride, padding, dilation)
        declared = windows.output_length(length, size, stride, padding, dilation)
        padded = length + before + after
        assert windows.output_length(padded, size, stride, "valid", dilation) == declared
        assert declared == int(np.ceil(length / stride))
    before, after = windows.padding_amounts(length, size, stride, "same", dilation)
    assert after - before in (0, 1)


def test_unknown_lengths_stay_unknown():
    assert windows.output_length(None, 3, 2, "same") is None
    shape = windows.window_shape((None, None, 8, 3), (2, 2), (2, 2), "valid", "channels_last", owner="X")
    assert shape == (None, None, 4, 3)


@pytest.mark.parametrize(
    "size, strides",
    [
        ((2, 2), (2, 2)),
        ((3, 2), (2, 1)),
        ((1, 3), (1, 1)),
        ((2, 1), (3, 2)),
        ((5, 4), (2, 3)),
        ((3, 3), (3, 3)),
    ],
)
@pytest.mark.parametrize("lengths", [(7, 8), (5, 6)])
def test_entries_are_strided_slices(size, strides, lengths):
    inputs = noise(2, *lengths, 3)
    entries = windows.window_entries(keras.ops.convert_to_tensor(inputs), size, strides, (1, 2))
    counts = [(length - k) // s + 1 for length, k, s in zip(lengths, size, strides, strict=True)]
    for entry, (i, j) in zip(entries, itertools.product(range(size[0]), range(size[1])), strict=True):
        rows = slice(i, i + (counts[0] - 1) * strides[0] + 1, strides[0])
        columns = slice(j, j + (counts[1] - 1) * strides[1] + 1, strides[1])
        np.testing.assert_array_equal(numpy_of(entry), inputs[:, rows, columns])


def test_joining_undoes_the_split_into_tiles():
    inputs = noise(2, 3, 6, 4, 8)
    entries = windows.window_entries(keras.ops.convert_to_tensor(inputs), (3, 2, 4), (3, 2, 4), (2, 3, 4))
    assert len(entries) == 24 and entries[0].shape == (2, 3, 2, 2, 2)
    np.testing.assert_array_equal(numpy_of(windows.join_tiles(entries, (3, 2, 4), (2, 3, 4))), inputs)


@pytest.mark.parametrize("size, stride", [(3, 2), (5, 1), (9, 4), (2, 3)])
def test_counts_exclude_padding(size, stride):
    counts = windows.window_counts((1, 7, 1), (size,), (stride,), "same", (1,), "float32")
    average = keras.layers.AveragePooling1D(size, stride, "same")
    # Keras' average pooling does not count padding, so the mean of a single 1 is 1 / count.
    for position, one in enumerate(np.eye(7, dtype="float32")):
        means = numpy_of(average(one.reshape(1, 7, 1))).ravel()
        inside = means > 0
        found = numpy_of(keras.ops.broadcast_to(counts, (1, len(means), 1))).ravel()
        np.testing.assert_allclose(1 / means[inside], found[inside], rtol=1e-6, err_msg=str(position))
