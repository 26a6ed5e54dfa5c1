import keras
import numpy as np
import pytest

from keras_cnn_zoo.ops.counting import at_least_one, counts_so_far


@pytest.mark.parametrize("shape", [(1,), (5,), (3, 8), (3, 9), (2, 3, 17), (2, 0)])
@pytest.mark.parametrize("block", [1, 4, 8, 512])
def test_counts_are_numpys_cumulative_sum(shape, block):
    flags = np.random.default_rng(0).integers(0, 2, shape).astype("float32")
    counts = counts_so_far(keras.ops.convert_to_tensor(flags), block)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(counts), np.cumsum(flags, axis=-1))


def test_float64_stays_float64():
    counts = counts_so_far(keras.ops.ones((2, 10), dtype="float64"), 4)
    assert keras.backend.standardize_dtype(counts.dtype) == "float64"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_counts_to_divide_by_are_at_least_one(dtype):
    counts = at_least_one(keras.ops.convert_to_tensor([0, 1, 7], dtype=dtype))
    assert keras.backend.standardize_dtype(counts.dtype) == dtype
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(counts), [1, 1, 7])
