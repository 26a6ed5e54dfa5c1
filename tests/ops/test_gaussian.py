"""The normal distribution against math.erfc, and integrals against polynomials' moments."""

import math

import keras
import numpy as np
import pytest

from keras_cnn_zoo.ops import gaussian
from keras_cnn_zoo.utils.autodiff import value_and_gradients

RELATIVE = {"float32": 5e-6, "float64": 1e-11}


def tensor(values, dtype="float32"):
    return keras.ops.convert_to_tensor(np.asarray(values, dtype))


def numpy_of(value):
    return keras.ops.convert_to_numpy(value)


def cdf(z):
    return np.array([math.erfc(-value / math.sqrt(2)) / 2 for value in z])


def density(z):
    return np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_both_tails_of_the_distribution_have_small_relative_errors(dtype):
    if dtype == "float64" and keras.backend.backend() == "jax":
        pytest.skip("JAX has float64 only with JAX_ENABLE_X64")
    z = np.linspace(-9, 9, 289)
    np.testing.assert_allclose(numpy_of(gaussian.normal_cdf(tensor(z, dtype))), cdf(z), rtol=RELATIVE[dtype])
    u = z[z >= 0]
    tail = numpy_of(gaussian.normal_tail(tensor(u, dtype)))
    np.testing.assert_allclose(tail, cdf(-u), rtol=RELATIVE[dtype])
    np.testing.assert_allclose(tail / density(u), numpy_of(gaussian.tail_ratio(tensor(u, dtype))), rtol=1e-5)
    # The bracket cancels digits in proportion to u^2.
    ramp = numpy_of(gaussian.ramp_tail(tensor(u, dtype)))
    np.testing.assert_allclose(ramp[u < 5], (density(u) - u * cdf(-u))[u < 5], rtol=2 * RELATIVE[dtype])


def test_the_centered_distribution_has_a_small_relative_error_at_0():
    u = np.array([1e-20, 1e-6, 1e-3, 0.1, 0.5, 0.999, 1.0, 1.001, 2.0, 6.0])
    expected = [math.erf(value / math.sqrt(2)) / 2 for value in u]
    np.testing.assert_allclose(numpy_of(gaussian.centered_cdf(tensor(u))), expected, rtol=1e-6)


def test_gradients_are_the_density_and_the_distribution():
    z = np.array([-30.0, -4.0, -1.0, 0.0, 0.5, 3.0, 30.0], "float32")
    _, (slope,), _ = value_and_gradients(lambda x: keras.ops.sum(gaussian.normal_cdf(x)), [z])
    np.testing.assert_allclose(numpy_of(slope), density(z.astype("float64")), rtol=1e-5, atol=1e-30)
    u = np.abs(z)
    _, (slope,), _ = value_and_gradients(lambda x: keras.ops.sum(gaussian.ramp_tail(x)), [u])
    np.testing.assert_allclose(numpy_of(slope), -cdf(-u.astype("float64")), rtol=1e-5, atol=1e-30)


def test_nan_stays_nan():
    z = tensor([math.nan])
    for function in (gaussian.normal_cdf, gaussian.normal_tail, gaussian.ramp_tail, gaussian.centered_cdf):
        assert np.isnan(numpy_of(function(z))).all()
    scale, wide = gaussian.deviation(z)
    assert np.isnan(numpy_of(scale)).all() and numpy_of(wide).all()


def test_standardized_is_limited_and_its_gradient_is_finite():
    def total(difference, scale):
        return keras.ops.sum(gaussian.standardized(difference, scale))

    difference = np.array([1e15, -1e15, 3.0], "float32")
    scale = np.array([1e-18, 1e-18, 2.0], "float32")
    z = numpy_of(gaussian.standardized(tensor(difference), tensor(scale)))
    np.testing.assert_allclose(z, [gaussian.FURTHEST, -gaussian.FURTHEST, 1.5], rtol=1e-6)
    _, gradients, _ = value_and_gradients(total, [difference, scale])
    assert all(np.isfinite(numpy_of(gradient)).all() for gradient in gradients)


@pytest.mark.parametrize("mean, scale", [(0.0, 1.0), (-7.0, 0.01), (3.0, 100.0), (10.0, 2.0)])
def test_integrals_of_polynomials_are_moments(mean, scale):
    edges = (-math.inf, -1.0, 0.0, 5.0, math.inf)
    arguments = tensor([mean]), tensor([scale]), edges
    square, mass = gaussian.integral(keras.ops.square, *arguments)
    np.testing.assert_allclose(numpy_of(square), [mean**2 + scale**2], rtol=2e-6)
    np.testing.assert_allclose(numpy_of(mass), [1], rtol=2e-6)
    _, part = gaussian.integral(keras.ops.square, *arguments[:2], (0.0, math.inf))
    np.testing.assert_allclose(numpy_of(part), cdf([mean / scale]), rtol=2e-6, atol=1e-9)
