"""Pairwise distances against differences of rows."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.ops.distances import squared_distances
from keras_cnn_zoo.utils.autodiff import value_and_gradients


def by_differences(rows):
    return np.array(
        [[sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) for other in rows] for one in rows]
    )


def measured(rows, dtype="float32"):
    return keras.ops.convert_to_numpy(squared_distances(keras.ops.convert_to_tensor(rows, dtype=dtype)))


@pytest.mark.parametrize("number, dim", [(1, 3), (2, 1), (7, 5), (40, 12)])
@pytest.mark.parametrize("offset", [0.0, 100.0, 1e4])
def test_float32_is_exact_up_to_rounding_at_any_offset(number, dim, offset):
    rows = (np.random.default_rng(number).normal(size=(number, dim)) + offset).astype("float32")
    expected = by_differences(rows.astype("float64"))
    actual = measured(rows)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=3e-6 * max(expected.max(), 1))
    assert (actual >= 0).all() and not np.diagonal(actual).any()


def test_float64_stays_float64():
    rows = np.random.default_rng(0).normal(size=(9, 4)) + 50
    actual = measured(rows, "float64")
    assert actual.dtype == "float64"
    np.testing.assert_allclose(actual, by_differences(rows), rtol=0, atol=1e-12)


def test_whole_numbers_are_exact():
    rows = np.random.default_rng(0).integers(0, 2, (64, 48)) + 1000
    np.testing.assert_array_equal(measured(rows), by_differences(rows))


def test_distances_are_exact_in_the_presence_of_a_far_row():
    rows = np.array([[1e4, 0.0], [0.0, 0.0], [0.0, 0.5], [0.25, 0.0]])
    np.testing.assert_allclose(measured(rows), by_differences(rows), rtol=1e-6)


def test_the_gradient_is_exact_and_zero_between_rows_that_coincide():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(6, 3)) + 300
    rows[3] = rows[2]
    weights = rng.normal(size=(6, 6))
    _, (gradient,), _ = value_and_gradients(
        lambda x: keras.ops.sum(squared_distances(x) * keras.ops.convert_to_tensor(weights)),
        [keras.ops.convert_to_tensor(rows, dtype="float64")],
    )
    expected = np.array(
        [sum((weights[i, j] + weights[j, i]) * 2 * (rows[i] - rows[j]) for j in range(6)) for i in range(6)]
    )
    np.testing.assert_allclose(keras.ops.convert_to_numpy(gradient), expected, atol=1e-9)


def test_rows_that_nearly_coincide_keep_their_gradient():
    rows = np.zeros((3, 2), "float32")
    rows[0] = 1000, 0
    rows[1] = 1e-3, 0
    _, (gradient,), _ = value_and_gradients(
        lambda x: squared_distances(x)[1, 2], [keras.ops.convert_to_tensor(rows)]
    )
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(gradient), [[0, 0], [2e-3, 0], [-2e-3, 0]], atol=1e-4
    )
