"""GaussianKLDivergence against loops, and against an average over draws."""

import math

import keras
import numpy as np
import pytest
from scipy import stats

from keras_cnn_zoo.losses import GaussianKLDivergence, gaussian_kl_divergence
from keras_cnn_zoo.utils.autodiff import value_and_gradients


def reference(y_true, y_pred):
    half = y_pred.shape[-1] // 2
    losses = np.zeros(len(y_pred))
    for place in np.ndindex(*y_pred.shape[:-1], half):
        *rest, unit = place
        mean, log_variance = y_pred[(*rest, unit)], y_pred[(*rest, unit + half)]
        m, log_v = y_true[(*rest, unit)], y_true[(*rest, unit + half)]
        variance, v = math.exp(log_variance), math.exp(log_v)
        losses[place[0]] += 0.5 * (variance / v + (mean - m) ** 2 / v - 1 + log_v - log_variance)
    return losses


RNG = np.random.default_rng(0)
GAUSSIANS, PRIORS = RNG.normal(size=(2, 5, 6))

CASES = [
    dict(
        cls=GaussianKLDivergence,
        init_kwargs={},
        y_true=PRIORS,
        y_pred=GAUSSIANS,
        reference=reference,
    ),
    dict(
        cls=GaussianKLDivergence,
        init_kwargs={},
        y_true=np.zeros((5, 3, 2)),
        y_pred=GAUSSIANS.reshape(5, 3, 2),
        reference=reference,
    ),
]


def numbers(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor), "float64")


def test_is_the_average_over_draws_of_the_log_ratio_of_densities():
    mean, log_variance = np.array([0.5, -1.0]), np.array([0.4, -0.8])
    prior_mean, prior_log_variance = np.array([0.0, 0.5]), np.array([0.2, -0.1])
    q = stats.norm(mean, np.exp(log_variance / 2))
    p = stats.norm(prior_mean, np.exp(prior_log_variance / 2))
    draws = q.rvs((200_000, 2), random_state=0)
    ratios = (q.logpdf(draws) - p.logpdf(draws)).sum(axis=-1)
    exact = gaussian_kl_divergence(
        np.concatenate([prior_mean, prior_log_variance])[None], np.concatenate([mean, log_variance])[None]
    )
    assert float(exact[0]) == pytest.approx(ratios.mean(), abs=4 * ratios.std() / len(ratios) ** 0.5)


def test_is_zero_with_zero_slope_at_the_prior_and_never_negative():
    for prior in (np.zeros((5, 6)), PRIORS):
        value, (gradient,), _ = value_and_gradients(
            lambda x, prior=prior: keras.ops.sum(gaussian_kl_divergence(prior.astype("float32"), x)),
            [prior.astype("float32")],
        )
        assert float(value) == 0 and not numbers(gradient).any()
    many = RNG.normal(scale=1e-3, size=(1000, 8)).astype("float32")
    assert numbers(gaussian_kl_divergence(None, many)).min() >= 0


def test_none_is_the_standard_normal():
    np.testing.assert_array_equal(
        numbers(gaussian_kl_divergence(None, GAUSSIANS)),
        numbers(gaussian_kl_divergence(np.zeros_like(GAUSSIANS), GAUSSIANS)),
    )


def test_a_variance_ratio_near_one_keeps_its_digits():
    # (e^r - 1 - r) / 2 is r^2 / 4 to second order.
    loss = float(gaussian_kl_divergence(None, np.array([[0.0, 2.0**-10]], "float32"))[0])
    assert loss == pytest.approx(2.0**-20 / 4, rel=2e-3)


@pytest.mark.parametrize("log_variance", [9.0, 20.0, 55.0, -200.0])
def test_wide_and_narrow_gaussians(log_variance):
    pairs = np.array([[0.5, log_variance]])
    expected = reference(np.zeros((1, 2)), pairs)[0]
    assert float(gaussian_kl_divergence(None, pairs)[0]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
@pytest.mark.parametrize("log_variance", [-6e4, -400.0, 12.0, 400.0, 6e4])
def test_extreme_log_variances_give_finite_values_and_gradients(log_variance, dtype):
    pairs = keras.ops.convert_to_tensor([[1.0, log_variance]], dtype=dtype)
    value, (gradient,), _ = value_and_gradients(
        lambda x: keras.ops.sum(gaussian_kl_divergence(None, x)), [pairs]
    )
    gradient = numbers(keras.ops.cast(gradient, "float32"))[0]
    assert np.isfinite(float(value)) and np.isfinite(gradient).all()
    assert np.sign(gradient[1]) == np.sign(log_variance)


@pytest.mark.parametrize(
    "prior, shape", [((2, 5), (2, 5)), ((2,), (2, 4)), ((2, 2), (2, 4)), ((4,), (4,)), ((2, 4, 1), (2, 4))]
)
def test_refuses_other_shapes(prior, shape):
    message = "must have the same shape .* Received: y_true.shape="
    with pytest.raises(ValueError, match=message):
        GaussianKLDivergence()(np.zeros(prior), np.zeros(shape))
