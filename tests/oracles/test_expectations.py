"""The mean of an activation of a Gaussian, by adaptive quadrature between the kinks of the activation.

Wang, Manning, 2013, and Wan et al., 2013, replace the input of a unit by a Gaussian with the mean m and the
variance s^2 of its sum over dropped terms. The output at inference is E f(m + s z) with a standard normal z.
"""

import functools
import math

import keras
import numpy as np
import pytest
import scipy.integrate

from keras_cnn_zoo import layers

MEANS = (-10.0, -3.0, -0.5, 0.0, 0.3, 1.0, 4.0, 10.0)
DEVIATIONS = (0.01, 0.1, 1.0, 3.0, 10.0, 100.0)
MOMENTS = [(m, s) for m in MEANS for s in DEVIATIONS]


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def softplus(x):
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def clipped(x, low, high):
    return min(max(x, low), high)


# Keras' formulas and the points where a derivative jumps. The slope of "leaky_relu" is Keras' default, 0.2.
PIECEWISE_LINEAR = {
    "linear": (lambda x: x, ()),
    "relu": (lambda x: max(x, 0.0), (0,)),
    "leaky_relu": (lambda x: x if x > 0 else 0.2 * x, (0,)),
    "relu6": (lambda x: clipped(x, 0.0, 6.0), (0, 6)),
    "hard_sigmoid": (lambda x: clipped(x / 6 + 0.5, 0.0, 1.0), (-3, 3)),
    "hard_tanh": (lambda x: clipped(x, -1.0, 1.0), (-1, 1)),
    "hard_shrink": (lambda x: x if abs(x) > 0.5 else 0.0, (-0.5, 0.5)),
    "soft_shrink": (lambda x: math.copysign(max(abs(x) - 0.5, 0.0), x), (-0.5, 0.5)),
    "sparse_sigmoid": (lambda x: clipped((x + 1) / 2, 0.0, 1.0), (-1, 1)),
}
OTHER = {
    "hard_silu": (lambda x: x * clipped(x / 6 + 0.5, 0.0, 1.0), (-3, 3)),
    "sparse_plus": (lambda x: 0.0 if x <= -1 else x if x >= 1 else (x + 1) ** 2 / 4, (-1, 1)),
    "elu": (lambda x: x if x > 0 else math.expm1(x), (0,)),
    "celu": (lambda x: x if x > 0 else math.expm1(x), (0,)),
    "selu": (lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x)), (0,)),
    "sigmoid": (sigmoid, (0,)),
    "tanh": (math.tanh, (0,)),
    "gelu": (lambda x: x * math.erfc(-x / math.sqrt(2)) / 2, (0,)),
    "silu": (lambda x: x * sigmoid(x), (0,)),
    "softplus": (softplus, (0,)),
    "softsign": (lambda x: x / (1 + abs(x)), (0,)),
    "mish": (lambda x: x * math.tanh(softplus(x)), (0,)),
    "log_sigmoid": (lambda x: -softplus(-x), (0,)),
    "tanh_shrink": (lambda x: x - math.tanh(x), (0,)),
}
LAYERS = {
    "ReLU()": (lambda: keras.layers.ReLU(), PIECEWISE_LINEAR["relu"]),
    "ReLU(6)": (lambda: keras.layers.ReLU(max_value=6.0), PIECEWISE_LINEAR["relu6"]),
    "LeakyReLU(0.3)": (lambda: keras.layers.LeakyReLU(negative_slope=0.3), (lambda x: max(x, 0.3 * x), (0,))),
    "ELU()": (lambda: keras.layers.ELU(), OTHER["elu"]),
}
ACTIVATIONS = {**PIECEWISE_LINEAR, **OTHER, **{name: case[1] for name, case in LAYERS.items()}}


@functools.cache
def expectation(name, m, s):
    """Returns E f(m + s z) by SciPy's adaptive quadrature between the kinks, and around the curved part."""
    f, kinks = ACTIVATIONS[name]
    points = {(x - m) / s for kink in kinks for x in (kink, kink - 4, kink + 4, kink - 30, kink + 30)}
    edges = [-9.0, *sorted(z for z in points if -9 < z < 9), 9.0]
    total = 0.0
    for low, high in zip(edges, edges[1:], strict=False):
        total += scipy.integrate.quad(
            lambda z: f(m + s * z) * math.exp(-z * z / 2), low, high, epsabs=1e-9, epsrel=1e-9
        )[0]
    return total / math.sqrt(2 * math.pi)


def activation_of(name):
    return LAYERS[name][0]() if name in LAYERS else name


def fast_dropout(name, dtype, rate=0.3):
    """Returns the outputs of units with these moments; Wang, Manning, 2013, section 2.

    With one input 1, m = (1 - rate) w + b and s^2 = rate (1 - rate) w^2, because the bias is not dropped.
    """
    layer = layers.FastDropoutDense(len(MOMENTS), rate, activation_of(name), dtype=dtype)
    layer.build((None, 1))
    m, s = np.array(MOMENTS).T
    w = s / math.sqrt(rate * (1 - rate))
    layer.set_weights([w[None], m - (1 - rate) * w])
    return keras.ops.convert_to_numpy(layer(np.ones((1, 1)), training=False))[0]


def drop_connect(name, dtype, rate=0.001, inputs=1024):
    """Returns the outputs of units with these moments; Wan et al., 2013, section 3.2 and algorithm 2.

    With inputs 1, m = (1 - rate) sum w and s^2 = rate (1 - rate) sum w^2, which a constant and an alternating
    part of the weights set separately.
    """
    inner = keras.layers.Dense(len(MOMENTS), activation_of(name), use_bias=False, dtype=dtype)
    layer = layers.DropConnect(inner, rate, inference="moment_matching")
    layer.build((None, inputs))
    m, s = np.array(MOMENTS).T
    mean = m / (1 - rate) / inputs
    rest = np.sqrt(s**2 / (rate * (1 - rate)) / inputs - mean**2)
    inner.set_weights([mean + rest * (-1.0) ** np.arange(inputs)[:, None]])
    return keras.ops.convert_to_numpy(layer(np.ones((1, inputs)), training=False))[0]


def errors(name, values):
    """Returns the errors divided by the size of the activation's values, 1 if it is bounded."""
    f, _ = ACTIVATIONS[name]
    bounded = max(abs(f(1e3)), abs(f(-1e3))) < 10
    expected = [expectation(name, m, s) for m, s in MOMENTS]
    size = [1.0 if bounded else 1 + abs(m) + s for m, s in MOMENTS]
    return np.abs(values - expected) / size


@pytest.mark.parametrize("layer", [fast_dropout, drop_connect])
@pytest.mark.parametrize("name", [*PIECEWISE_LINEAR, "ReLU()", "ReLU(6)", "LeakyReLU(0.3)"])
def test_the_mean_of_a_piecewise_linear_activation_is_exact(name, layer):
    """Sums of a Gaussian's partial moments have a closed form, so only erf's rounding is left."""
    error = errors(name, layer(name, "float64"))
    worst = int(error.argmax())
    assert error[worst] < 1e-6, MOMENTS[worst]


@pytest.mark.parametrize("layer", [fast_dropout, drop_connect])
@pytest.mark.parametrize("name", [*OTHER, "ELU()"])
def test_the_mean_of_another_activation_is_right_to_four_decimals(name, layer):
    """The issue states means with four decimals; half of the last one is the tolerance."""
    error = errors(name, layer(name, "float64"))
    worst = int(error.argmax())
    assert error[worst] < 5e-5, MOMENTS[worst]


@pytest.mark.parametrize("name", ["relu", "leaky_relu", "relu6", "hard_sigmoid", "sigmoid", "gelu", "ReLU()"])
def test_means_in_float32_are_right_to_four_decimals(name):
    """The same integrals, with the moments of Wang, Manning, 2013, rounded to float32."""
    error = errors(name, fast_dropout(name, "float32"))
    worst = int(error.argmax())
    assert error[worst] < 5e-5, MOMENTS[worst]


@pytest.mark.parametrize("m", MEANS)
@pytest.mark.parametrize("s", DEVIATIONS)
def test_the_quadrature_meets_the_closed_form_of_a_rectified_gaussian(m, s):
    """E max(x, 0) = m Phi(m / s) + s phi(m / s), Wang, Manning, 2013, section 4.3: a check of this file."""
    u = m / s
    closed = m * math.erfc(-u / math.sqrt(2)) / 2 + s * math.exp(-u * u / 2) / math.sqrt(2 * math.pi)
    assert expectation("relu", m, s) == pytest.approx(closed, rel=1e-8, abs=1e-12)
