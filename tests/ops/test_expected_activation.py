"""Means of activations of a Gaussian against composite quadrature in float64.

The reference splits at every kink, at a geometric grid, and at multiples of the deviation. Its gradients are
Stein's: `d/d mean = E[f z] / sigma` and `d/d sigma = E[f (z^2 - 1)] / sigma`, without the derivative of `f`.
"""

import functools
import math

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import Maxout, Probout, RReLU
from keras_cnn_zoo.ops.expected_activation import expected_activation, is_joint, is_linear, reduces_channels
from keras_cnn_zoo.utils.autodiff import value_and_gradients

activations = keras.activations
partial = functools.partial
MEANS = np.array([-10, -3, -0.5, 0, 0.3, 2, 6, 10], "float32")
DEVIATIONS = np.array([0.01, 0.1, 0.3, 1, 1.5, 4, 10, 30, 100], "float32")
KINKS = np.array([-6, -3, -2, -1, -0.5, 0, 0.5, 1, 2, 3, 6, 25])
GRID = np.unique(np.concatenate([KINKS, np.geomspace(0.01, 1500, 30), -np.geomspace(0.01, 1500, 30)]))
NODES, WEIGHTS = np.polynomial.legendre.leggauss(30)


def sigmoid(x):
    small = np.exp(-np.abs(x))
    return np.where(x > 0, 1, small) / (1 + small)


def softplus(x):
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def elu(x):
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def leaky(x, slope):
    return np.where(x > 0, x, slope * x)


def keras_relu(x, slope, maximum, threshold):
    """The formula in the documentation of keras.layers.ReLU."""
    return np.where(x >= maximum, maximum, np.where(x >= threshold, x, slope * (x - threshold)))


# Spelling: activation and reference.
PIECEWISE = {
    "relu": (activations.relu, lambda x: leaky(x, 0)),
    "relu, slope": (partial(activations.relu, negative_slope=0.3), lambda x: leaky(x, 0.3)),
    "relu, maximum": (partial(activations.relu, max_value=2.0), lambda x: np.clip(x, 0, 2)),
    "relu, all": (
        partial(activations.relu, negative_slope=0.1, max_value=3.0, threshold=1.0),
        lambda x: keras_relu(x, 0.1, 3, 1),
    ),
    "relu, threshold below 0": (
        partial(activations.relu, max_value=2.0, threshold=-1.0, negative_slope=0.5),
        lambda x: np.where(x > -1, np.clip(x, 0, 2), 0.5 * (x + 1)),
    ),
    "relu, threshold above the maximum": (
        partial(activations.relu, max_value=2.0, threshold=3.0),
        lambda x: np.where(x > 3, 2.0, 0.0),
    ),
    "ReLU": (keras.layers.ReLU(), lambda x: leaky(x, 0)),
    "ReLU, all": (keras.layers.ReLU(2.0, 0.2, 0.5), lambda x: keras_relu(x, 0.2, 2, 0.5)),
    "LeakyReLU": (keras.layers.LeakyReLU(), lambda x: leaky(x, 0.3)),
    "PReLU": (keras.layers.PReLU("zeros"), lambda x: leaky(x, 0)),
    "RReLU": (RReLU(), lambda x: leaky(x, (1 / 8 + 1 / 3) / 2)),
    "RReLU, inference slope": (RReLU(inference_slope=0.5), lambda x: leaky(x, 0.5)),
    "Activation": (keras.layers.Activation("leaky_relu"), lambda x: leaky(x, 0.2)),
    "leaky_relu": (activations.get("leaky_relu"), lambda x: leaky(x, 0.2)),
    "leaky_relu, slope above 1": (partial(keras.ops.leaky_relu, negative_slope=1.5), lambda x: leaky(x, 1.5)),
    "relu6": (keras.ops.relu6, lambda x: np.clip(x, 0, 6)),
    "hard_tanh": (activations.hard_tanh, lambda x: np.clip(x, -1, 1)),
    "hard_sigmoid": (activations.hard_sigmoid, lambda x: np.clip(x / 6 + 0.5, 0, 1)),
    "sparse_sigmoid": (activations.sparse_sigmoid, lambda x: np.clip((x + 1) / 2, 0, 1)),
    "hard_swish": (activations.get("hard_swish"), lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    "sparse_plus": (activations.sparse_plus, lambda x: np.where(x < 1, np.maximum(x + 1, 0) ** 2 / 4, x)),
    "soft_shrink": (activations.soft_shrink, lambda x: x - np.clip(x, -0.5, 0.5)),
    "hard_shrink": (activations.hard_shrink, lambda x: np.where(np.abs(x) > 0.5, x, 0)),
    "threshold": (
        partial(activations.threshold, threshold=1.0, default_value=-2.0),
        lambda x: np.where(x > 1, x, -2.0),
    ),
    "abs": (keras.ops.abs, np.abs),
}
SMOOTH = {
    "sigmoid": (activations.sigmoid, sigmoid),
    "log_sigmoid": (activations.log_sigmoid, lambda x: -softplus(-x)),
    "softplus": (activations.softplus, softplus),
    "tanh": (activations.tanh, np.tanh),
    "tanh_shrink": (activations.tanh_shrink, lambda x: x - np.tanh(x)),
    "silu": (activations.silu, lambda x: x * sigmoid(x)),
    "elu": (activations.elu, elu),
    "ELU": (keras.layers.ELU(0.5), lambda x: np.where(x > 0, x, 0.5 * elu(x))),
    "selu": (
        activations.selu,
        lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * elu(x)),
    ),
    "celu": (partial(activations.celu, alpha=2.0), lambda x: np.where(x > 0, x, 2 * elu(x / 2))),
    "mish": (activations.mish, lambda x: x * np.tanh(softplus(x))),
    "squareplus": (activations.squareplus, lambda x: (x + np.sqrt(x * x + 4)) / 2),
    "softsign": (activations.softsign, lambda x: x / (1 + np.abs(x))),
}


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


OTHERS = {
    "own sigmoid": (lambda x: keras.ops.sigmoid(x), sigmoid),
    "own relu": (lambda x: keras.ops.maximum(x, 0.0), lambda x: np.maximum(x, 0)),
    "approximate gelu": (keras.ops.gelu, gelu_tanh),
    "arctan": (keras.ops.arctan, np.arctan),
    "sine of softsign": (
        lambda x: keras.ops.sin(keras.ops.softsign(x)),
        lambda x: np.sin(x / (1 + np.abs(x))),
    ),
}


def reference(function, mean, deviation):
    """Returns the mean, its two derivatives, and the mean of the absolute value."""
    edges = np.concatenate([GRID, mean + deviation * np.linspace(-12, 12, 25)])
    edges = np.unique(edges[np.abs(edges - mean) <= 12 * deviation * (1 + 1e-12)])[:, None]
    half = (edges[1:] - edges[:-1]) / 2
    x = (edges[1:] + edges[:-1]) / 2 + half * NODES
    z = (x - mean) / deviation
    mass = half * WEIGHTS * np.exp(-z * z / 2) / np.sqrt(2 * np.pi) / deviation
    values = mass * function(x)
    return [
        np.sum(part)
        for part in (values, values * z / deviation, values * (z * z - 1) / deviation, np.abs(values))
    ]


def measured(activation, mean, deviation):
    """Returns the mean and its derivatives with respect to the mean and the deviation."""

    def function(mean, deviation):
        outputs = expected_activation(activation, mean, keras.ops.square(deviation))
        return keras.ops.sum(outputs), outputs

    (_, outputs), gradients, _ = value_and_gradients(function, [mean, deviation], has_aux=True)
    return [keras.ops.convert_to_numpy(tensor).astype("float64") for tensor in (outputs, *gradients)]


def compared(activation, function, *, relative, absolute, dtype="float32"):
    mean, deviation = (part.ravel().astype(dtype) for part in np.meshgrid(MEANS, DEVIATIONS))
    rows = [
        reference(function, m, s) for m, s in zip(mean.astype(float), deviation.astype(float), strict=True)
    ]
    expected, by_mean, by_deviation, size = np.array(rows).T
    outputs, *gradients = measured(activation, mean, deviation)
    assert np.all(np.abs(outputs - expected) <= relative * size + absolute)
    for gradient, exact in zip(gradients, (by_mean, by_deviation), strict=True):
        # All slopes are of the order of 1, except at jumps.
        assert np.all(np.abs(gradient - exact) <= relative * (np.abs(exact) + 1))


@pytest.mark.parametrize("name", PIECEWISE)
def test_piecewise_polynomials_are_exact(name):
    compared(*PIECEWISE[name], relative=5e-6, absolute=1e-9)


@pytest.mark.parametrize("name", SMOOTH)
def test_smooth_activations_are_exact(name):
    # `x - tanh(x)` has the rounding errors of `x`.
    compared(*SMOOTH[name], relative=5e-6, absolute=1e-8 if name == "tanh_shrink" else 1e-12)


@pytest.mark.parametrize("name", OTHERS)
def test_functions_that_are_smooth_on_both_sides_of_0_are_accurate(name):
    # The approximate gelu rounds `1 + tanh(x)`.
    compared(*OTHERS[name], relative=5e-6, absolute=1e-7 if name == "approximate gelu" else 1e-9)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX has float64 only with JAX_ENABLE_X64")
@pytest.mark.parametrize(
    "name, limit", [("relu6", 1e-11), ("hard_swish", 1e-10), ("tanh", 1e-8), ("elu", 1e-7)]
)
def test_float64_is_more_accurate(name, limit):
    compared(*{**PIECEWISE, **SMOOTH}[name], relative=limit, absolute=1e-14, dtype="float64")


def test_gelu_and_exponential_are_exact():
    def gelu(x):
        return x * np.vectorize(math.erfc)(-x / math.sqrt(2)) / 2

    for mean, deviation in [(-3.0, 0.5), (0.3, 4.0), (10.0, 100.0), (-1.0, 0.01)]:
        m, s = np.array([mean], "float32"), np.array([deviation], "float32")
        for actual, exact in zip(
            measured(activations.gelu, m, s), reference(gelu, mean, deviation), strict=False
        ):
            np.testing.assert_allclose(actual, [exact], rtol=1e-5, atol=1e-6)
    m, s = np.array([-1.0, 2.0], "float32"), np.array([0.5, 3.0], "float32")
    exact = np.exp(m + s**2 / 2)
    for actual, slope in zip(measured(activations.exponential, m, s), (1, 1, s), strict=True):
        np.testing.assert_allclose(actual, exact * slope, rtol=1e-5)


def test_the_examples_of_hermite_quadrature_across_kinks():
    # 32 Gauss-Hermite nodes gave 0.1561 for the first and 0.5442 for the last.
    cases = [("leaky_relu", -0.5, 1.0), ("relu6", 0.3, 1.0), ("sigmoid", 1.5, 10.0)]
    for name, mean, deviation in cases:
        function = {**PIECEWISE, **SMOOTH}[name][1]
        actual, *_ = measured(
            activations.get(name), np.array([mean], "float32"), np.array([deviation], "float32")
        )
        np.testing.assert_allclose(actual, [reference(function, mean, deviation)[0]], rtol=1e-6)


def test_slopes_of_a_prelu_per_channel():
    layer = keras.layers.PReLU()
    mean = np.array([[0.5, -1.0], [2.0, 0.0]], "float32")
    layer.build(mean.shape)
    layer.set_weights([np.array([0.25, -2.0], "float32")])
    outputs, *_ = measured(layer, mean, np.full((2, 2), 1.5, "float32"))
    for (row, column), m in np.ndenumerate(mean):
        exact = reference(lambda x, c=column: leaky(x, (0.25, -2.0)[c]), float(m), 1.5)[0]
        np.testing.assert_allclose(outputs[row, column], exact, rtol=1e-5, atol=1e-6)


ALL = {**PIECEWISE, **SMOOTH, **OTHERS, "exponential": (activations.exponential, np.exp)}
# One of each form.
EDGES = (
    "leaky_relu",
    "ReLU, all",
    "hard_tanh",
    "hard_swish",
    "hard_shrink",
    "RReLU",
    "PReLU",
    "sigmoid",
    "tanh",
    "silu",
)
EDGES += ("softplus", "elu", "mish", "exponential", "own relu")


@pytest.mark.parametrize("name", EDGES)
def test_no_and_tiny_variances_give_the_activation_and_finite_gradients(name):
    activation, function = ALL[name]
    means = np.array([-2.25, -0.25, 0.0, 0.75, 3.25, 5e4 if name != "exponential" else 4.0], "float32")
    mean, variance = (part.ravel() for part in np.meshgrid(means, np.array([0.0, 1e-36, 1e-20], "float32")))

    def total(mean, variance):
        outputs = expected_activation(activation, mean, variance)
        return keras.ops.sum(outputs), outputs

    (_, outputs), gradients, _ = value_and_gradients(total, [mean, variance], has_aux=True)
    outputs = keras.ops.convert_to_numpy(outputs)
    np.testing.assert_allclose(outputs, function(mean.astype("float64")), rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(outputs[:6], keras.ops.convert_to_numpy(activation(means)), rtol=1e-6)
    assert all(np.isfinite(keras.ops.convert_to_numpy(gradient)).all() for gradient in gradients)


@pytest.mark.parametrize("name", EDGES)
def test_nan_in_the_mean_or_variance_gives_nan(name):
    mean = keras.ops.convert_to_tensor(np.array([np.nan, 1.0, np.nan], "float32"))
    variance = keras.ops.convert_to_tensor(np.array([1.0, np.nan, np.nan], "float32"))
    outputs = keras.ops.convert_to_numpy(expected_activation(ALL[name][0], mean, variance))
    assert np.isnan(outputs).all()


def test_huge_means_and_deviations_are_finite():
    mean = np.array([1e15, -1e15, 1e15, 3.0], "float32")
    deviation = np.array([1e-15, 1.0, 1e14, 1e15], "float32")
    for name in ("relu", "relu6", "hard_swish", "sigmoid", "softplus", "silu", "tanh"):
        for actual in measured(activations.get(name), mean, deviation):
            assert np.isfinite(actual).all(), name


def test_which_activations_are_linear_joint_or_reduce_channels():
    assert is_linear(None) and is_linear(activations.linear) and is_linear(keras.layers.Activation("linear"))
    assert not is_linear(activations.relu)
    joint = [
        activations.softmax,
        keras.ops.log_softmax,
        keras.layers.Softmax(),
        partial(activations.softmax, axis=-1),
    ]
    assert all(map(is_joint, joint)) and not any(map(reduces_channels, joint))
    reducing = [activations.glu, Maxout(2), Probout(2)]
    assert all(map(is_joint, reducing)) and all(map(reduces_channels, reducing))
    assert not any(map(is_joint, [activations.relu, keras.layers.PReLU(), RReLU(), None, np.sin]))
