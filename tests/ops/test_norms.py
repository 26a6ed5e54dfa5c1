"""Norms and directions against NumPy in float64, where squares overflow or underflow in float32."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.ops.norms import l2_norm, l2_normalize
from keras_cnn_zoo.utils.autodiff import value_and_gradients
from tests import helpers

VECTORS = np.random.default_rng(0).normal(size=(4, 3, 5))


def numbers(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor), "float64")


@pytest.mark.parametrize("axis", [-1, 0, 1])
@pytest.mark.parametrize("factor", [1.0, 1e-30, 1e30])
def test_vectors_of_any_size_have_their_norm_and_direction(axis, factor):
    vectors = (VECTORS * factor).astype("float32")
    expected = np.linalg.norm(vectors.astype("float64"), axis=axis)
    np.testing.assert_allclose(numbers(l2_norm(vectors, axis)), expected, rtol=1e-6)
    kept = np.expand_dims(expected, axis)
    np.testing.assert_allclose(numbers(l2_norm(vectors, axis, keepdims=True)), kept, rtol=1e-6)
    np.testing.assert_allclose(numbers(l2_normalize(vectors, axis)), vectors / kept, rtol=1e-5, atol=1e-7)


def test_half_precision_is_computed_in_float32():
    vectors = keras.ops.convert_to_tensor(np.full((1, 100), 1000.0), dtype="float16")
    assert float(l2_norm(vectors)[0]) == 10000.0
    assert keras.backend.standardize_dtype(l2_normalize(vectors).dtype) == "float32"


def test_float64_stays_float64():
    vectors = keras.ops.convert_to_tensor(VECTORS, dtype="float64")
    np.testing.assert_allclose(numbers(l2_norm(vectors)), np.linalg.norm(VECTORS, axis=-1), rtol=1e-14)


def test_gradients():
    vector = np.array([3.0, 4.0], "float32")
    for factor in (1.0, 1e-25):
        _, (gradient,), _ = value_and_gradients(l2_norm, [vector * np.float32(factor)])
        np.testing.assert_allclose(numbers(gradient), [0.6, 0.8], rtol=1e-6)
        _, (gradient,), _ = value_and_gradients(lambda x: l2_normalize(x)[0], [vector * np.float32(factor)])
        np.testing.assert_allclose(numbers(gradient) * factor, np.array([16, -12]) / 125, rtol=1e-5)


def test_zero_vectors_stay_zero_with_finite_gradients():
    zero = np.zeros(3, "float32")
    value, (gradient,), _ = value_and_gradients(l2_norm, [zero])
    assert float(value) == 0 and not numbers(gradient).any()
    value, (gradient,), _ = value_and_gradients(lambda x: l2_normalize(x)[0], [zero])
    assert float(value) == 0 and np.isfinite(numbers(gradient)).all()


def test_the_gradient_of_the_gradient_is_that_of_the_norm():
    # The norm's Hessian is (1 - d d^T) / norm, with d the direction.
    def first(x):
        _, (gradient,), _ = value_and_gradients(l2_norm, [x], higher_order=True)
        return gradient[0]

    _, (row,), _ = value_and_gradients(first, [keras.ops.convert_to_tensor([3.0, 4.0])])
    np.testing.assert_allclose(numbers(row), [0.64 / 5, -0.48 / 5], rtol=1e-5)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("places", [[1], [0, 1, 2]])
def test_nan_stays_nan_in_its_vector(places, compiled):
    vectors = np.array([[1.0, 2.0, 2.0], [3.0, 0.0, 4.0], [0.0, 0.0, 0.0]], "float32")
    vectors[1, places] = np.nan

    def both(x):
        return l2_norm(x), l2_normalize(x)

    function = helpers.compiled(both) if compiled else both
    norms, directions = map(numbers, function(keras.ops.convert_to_tensor(vectors)))
    np.testing.assert_allclose(norms, [3.0, np.nan, 0.0], rtol=1e-6)
    assert np.isnan(directions[1]).all() and np.isfinite(directions[[0, 2]]).all()
    _, (gradient,), _ = value_and_gradients(lambda x: keras.ops.sum(l2_norm(x)), [vectors])
    assert np.isnan(numbers(gradient)[1]).any() and np.isfinite(numbers(gradient)[[0, 2]]).all()
