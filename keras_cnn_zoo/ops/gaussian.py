"""The standard normal distribution, and integrals against a Gaussian.

There is no `erf` here. With the tail ratio `M(u) = (1 - cdf(u)) / density(u)`, tails keep their relative
accuracy, and only exponentials, divisions, and polynomials are needed, which every exporter supports.
"""

import functools
import math

import keras
import numpy as np
from keras import ops
from numpy.polynomial import chebyshev

FURTHEST = 36.0  # in deviations; the density is 0 there in float32, and squares of it do not overflow
REACH = 7.0  # in deviations; integrals leave out 3e-12 of the mass
NODES, NODE_WEIGHTS = np.polynomial.legendre.leggauss(24)


# Computed when it is first needed, because it would slow down the import of the package.
@functools.cache
def _tail_ratio_coefficients(degree):
    """Returns the polynomial `P`, highest power first, with `M(u) = t P(2 t - 1)`, `t = 4 / (4 + u)`.

    It interpolates `M(u)`, the integral of `exp(-u s - s^2 / 2)` over positive `s`, at Chebyshev's points.
    """
    steps, weights = np.polynomial.legendre.leggauss(200)
    points = chebyshev.chebpts1(degree + 1)
    t = (points + 1) / 2
    u = 4 / t - 4
    # The integrand is negligible beyond `reach`.
    reach = np.minimum(10, 40 / np.maximum(u, 4))[:, None]
    s = reach * (steps + 1) / 2
    ratio = np.sum(reach / 2 * weights * np.exp(-u[:, None] * s - s**2 / 2), axis=1)
    return chebyshev.cheb2poly(chebyshev.chebfit(points, ratio / t, degree))[::-1].tolist()


# Relative errors of M: 5e-8 and 1e-14.
TAIL_RATIO_DEGREE = {"float32": 10, "float64": 20}
# Taylor coefficients of (cdf(u) - 1/2) / u in u^2, highest power first; the error is 1e-11 for u up to 1.
CENTER = [
    (-1) ** k / (2**k * math.factorial(k) * (2 * k + 1) * math.sqrt(2 * math.pi)) for k in reversed(range(11))
]


def _horner(coefficients, x):
    total = coefficients[0] * x + coefficients[1]
    for coefficient in coefficients[2:]:
        total = total * x + coefficient
    return total


def normal_density(u):
    """Returns the density of the standard normal distribution."""
    return ops.exp(-ops.square(u) / 2) / math.sqrt(2 * math.pi)


def tail_ratio(u):
    """Returns `M(u) = (1 - cdf(u)) / density(u)` for `u >= 0`, in float32 or float64."""
    t = 4 / (4 + u)
    degree = TAIL_RATIO_DEGREE[keras.backend.standardize_dtype(u.dtype)]
    return t * _horner(_tail_ratio_coefficients(degree), 2 * t - 1)


def magnitude(z):
    """Returns `|z|`. The slope at 0 is -1, as in the branches `z > 0` and else of the functions here."""
    return ops.where(z > 0, z, -z)


@ops.custom_gradient
def normal_tail(u):
    """Returns `1 - cdf(u)` for `u >= 0`, with a small relative error."""

    # Differentiating the polynomial would take four times as long.
    def backward(*args, upstream=None):
        return -_upstream(args, upstream) * normal_density(u)

    return normal_density(u) * tail_ratio(u), backward


@ops.custom_gradient
def ramp_tail(u):
    """Returns the mean of `max(Z - u, 0)` for a standard normal `Z` and `u >= 0`."""

    def backward(*args, upstream=None):
        return -_upstream(args, upstream) * normal_tail(u)

    return normal_density(u) * (1 - u * tail_ratio(u)), backward


def _upstream(args, upstream):
    """Returns the upstream gradient, which PyTorch passes by name, after the inputs."""
    return args[0] if upstream is None else upstream


def normal_cdf(z):
    """Returns the standard normal distribution function, with a small relative error in both tails."""
    tail = normal_tail(magnitude(z))
    return ops.where(z > 0, 1 - tail, tail)


def centered_cdf(u):
    """Returns `cdf(u) - 1/2` for `u >= 0`, with a small relative error near 0."""
    small = ops.where(u < 1, u, ops.ones_like(u))  # PyTorch's minimum is in float32
    return ops.where(u < 1, small * _horner(CENTER, ops.square(small)), 0.5 - normal_tail(u))


def deviation(variance):
    """Returns the root of a variance and where it is positive or NaN; elsewhere the root is a constant 1."""
    wide = ops.logical_not(variance <= 0)
    return ops.sqrt(ops.where(wide, variance, ops.ones_like(variance))), wide


def standardized(difference, scale):
    """Returns `difference / scale`, limited to `FURTHEST`, so that no gradient overflows."""
    limit = FURTHEST * scale
    above, below = difference > limit, difference < -limit
    furthest = ops.full_like(scale, FURTHEST)
    # Neither branch divides a large number by a small one.
    outside = ops.logical_or(above, below)
    inside = ops.where(outside, ops.zeros_like(scale), difference) / scale
    return ops.where(above, furthest, ops.where(below, -furthest, inside))


def integral(function, mean, scale, edges):
    """Returns the integral of `function(x)` times the Gaussian density, and that of the density.

    Each panel between neighboring edges has 24 Gauss-Legendre nodes, after it is cut to `REACH` deviations
    around the mean. The nodes move with `mean` and `scale`, but not with the edges: the gradient is the
    integral of the derivative of `function`, which may have a kink at an edge.

    Args:
        function: Elementwise function of a tensor, which has an extra first axis for the nodes of a panel.
        mean: Mean of `x`.
        scale: Positive deviation of `x`.
        edges: At least two ascending edges in units of `x`: numbers, or tensors of the shape of `mean`.
    """
    center, width = ops.stop_gradient(mean), ops.stop_gradient(scale)
    limit = REACH * width
    cuts = [ops.where(e - center > limit, limit, e - center) for e in edges]
    cuts = [ops.where(cut < -limit, -limit, cut) / width for cut in cuts]
    shape = (-1,) + (1,) * len(mean.shape)
    nodes, weights = (
        ops.reshape(ops.convert_to_tensor(values, dtype=mean.dtype), shape)
        for values in (NODES, NODE_WEIGHTS)
    )
    total = mass = 0.0
    for low, high in zip(cuts[:-1], cuts[1:], strict=True):
        half = (high - low) / 2
        z = (low + high) / 2 + nodes * half
        density = weights * half * normal_density(z)
        values = ops.cast(function(mean + scale * z), mean.dtype)
        total = total + ops.sum(density * values, axis=0)
        mass = mass + ops.sum(density, axis=0)
    return total, mass
