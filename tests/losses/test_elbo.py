"""The bound against loops, and against the known evidence of a Gaussian with Gaussian noise."""

import math

import keras
import numpy as np
import pytest
from scipy import stats

from keras_cnn_zoo.losses import elbo


def numbers(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor), "float64")


def reference(y_true, y_pred, gaussian, likelihood):
    bounds = []
    for data, output, parameters in zip(y_true, y_pred, gaussian, strict=True):
        total = 0.0
        for x, y in zip(data.ravel(), output.ravel(), strict=True):
            if likelihood == "bernoulli":
                p = 1 / (1 + math.exp(-y))
                total += x * math.log(p) + (1 - x) * math.log(1 - p)
            else:
                total += -0.5 * (x - y) ** 2 - 0.5 * math.log(2 * math.pi)
        half = len(parameters) // 2
        for mean, log_variance in zip(parameters[:half], parameters[half:], strict=True):
            total -= 0.5 * (math.exp(log_variance) + mean**2 - 1 - log_variance)
        bounds.append(total)
    return np.array(bounds)


RNG = np.random.default_rng(0)
DATA = RNG.uniform(size=(4, 3, 2))
OUTPUTS = RNG.normal(size=(4, 3, 2))
GAUSSIANS = RNG.normal(size=(4, 6))


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_is_the_formula(likelihood):
    bounds = elbo(DATA, OUTPUTS, GAUSSIANS, likelihood=likelihood)
    np.testing.assert_allclose(numbers(bounds), reference(DATA, OUTPUTS, GAUSSIANS, likelihood), rtol=1e-5)


def average_bound(x, mean, log_variance, draws=100_000):
    """Returns mean and standard error of the bound over draws, for standard normal z and x = z + noise."""
    z = RNG.normal(mean, math.exp(log_variance / 2), (draws, 1))
    gaussian = np.tile([[mean, log_variance]], (draws, 1))
    bounds = numbers(elbo(np.full((draws, 1), x), z, gaussian, likelihood="gaussian"))
    return bounds.mean(), bounds.std() / draws**0.5


def test_is_the_evidence_at_the_true_posterior():
    x = 1.3
    evidence = stats.norm(0, 2**0.5).logpdf(x)
    mean, error = average_bound(x, x / 2, math.log(0.5))
    assert mean == pytest.approx(evidence, abs=4 * error)


@pytest.mark.parametrize("mean, log_variance", [(0.0, 0.0), (2.0, -1.0), (0.65, -3.0)])
def test_is_below_the_evidence_by_the_divergence_from_the_posterior(mean, log_variance):
    x = 1.3
    variance = math.exp(log_variance)
    gap = 0.5 * (variance / 0.5 + (mean - x / 2) ** 2 / 0.5 - 1 + math.log(0.5) - log_variance)
    bound, error = average_bound(x, mean, log_variance)
    assert gap > 0.05
    assert bound == pytest.approx(stats.norm(0, 2**0.5).logpdf(x) - gap, abs=4 * error)


def test_a_custom_likelihood_and_a_prior():
    def laplace(y_true, y_pred):
        return -keras.ops.abs(keras.ops.convert_to_tensor(y_true - y_pred)) - math.log(2)

    expected = stats.laplace.logpdf(DATA - OUTPUTS).sum(axis=(1, 2))
    # At the prior the second term is 0.
    bounds = elbo(DATA, OUTPUTS, GAUSSIANS, likelihood=laplace, prior=GAUSSIANS)
    np.testing.assert_allclose(numbers(bounds), expected, rtol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_huge_logits(dtype):
    logits = keras.ops.convert_to_tensor([[6e4, -6e4], [-6e4, 6e4]], dtype=dtype)
    bounds = numbers(elbo(np.array([[1.0, 0.0], [1.0, 0.0]]), logits, np.zeros((2, 2))))
    np.testing.assert_allclose(bounds, [0.0, -numbers(logits)[0, 0] * 2], rtol=1e-3)


def test_refuses_an_unknown_likelihood():
    message = "`likelihood` must be one of 'bernoulli', 'gaussian'. Received: likelihood='poisson'"
    with pytest.raises(ValueError, match=message):
        elbo(DATA, OUTPUTS, GAUSSIANS, likelihood="poisson")


def test_refuses_an_output_of_another_shape():
    message = (
        r"`y_pred` must have the shape of `y_true`. Received: y_true.shape=\(4, 3, 2\), y_pred.shape=\(4, 6\)"
    )
    with pytest.raises(ValueError, match=message):
        elbo(DATA, OUTPUTS.reshape(4, 6), GAUSSIANS)
