"""Pairwise distances against differences of rows."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.ops.distances import (
    distances_between,
    euclidean,
    pairwise_distances,
    squared_distances,
)
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


def test_euclidean_distances_of_pairs_and_of_all_rows():
    rows = np.random.default_rng(0).normal(size=(6, 3)) + 20
    expected = by_differences(rows) ** 0.5
    tensor = keras.ops.convert_to_tensor(rows)
    for found in (
        pairwise_distances(tensor, "euclidean"),
        distances_between(tensor[:, None], tensor[None], "euclidean"),
        pairwise_distances(tensor, lambda a, b: keras.ops.sqrt(keras.ops.sum((a - b) ** 2, axis=-1))),
    ):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(found), expected, atol=1e-6)


def test_euclidean_distances_in_float32_are_exact_up_to_the_root_of_rounding():
    rows = (np.random.default_rng(0).normal(size=(40, 12)) + 1000).astype("float32")
    rows[1] = rows[0] + np.float32(1e-2)
    expected = by_differences(rows.astype("float64")) ** 0.5
    found = keras.ops.convert_to_numpy(pairwise_distances(keras.ops.convert_to_tensor(rows), "euclidean"))
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_the_root_has_no_gradient_at_zero_and_keeps_nan_and_infinity():
    inputs = np.array([0.0, 4.0, np.nan, np.inf, 1e-30], "float32")
    value, (gradient,), _ = value_and_gradients(
        lambda x: keras.ops.sum(euclidean(x) * np.array([1, 1, 0, 0, 0], "float32")), [inputs]
    )
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(euclidean(inputs)), [0, 2, np.nan, np.inf, 1e-15], rtol=1e-6
    )
    np.testing.assert_allclose(keras.ops.convert_to_numpy(gradient)[:2], [0, 0.25])
    assert np.isnan(keras.ops.convert_to_numpy(value))
