"""Ends of the range and float64: exact fractions, decimals of fifty digits, and float64 formulas."""

import decimal
import fractions
import importlib.util
import json
import math
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cnn_zoo import layers, losses, regularizers
from tests import helpers

CONTEXT = decimal.Context(prec=50, Emin=-(10**6), Emax=10**6)
SMALLEST_NORMAL = 2.0**-126
LARGEST = float(np.finfo("float32").max)


def result(layer, x, **arguments):
    return np.asarray(keras.ops.convert_to_numpy(layer(x, **arguments)), "float64")


def window_of(values):
    return np.array(values, "float32").reshape(1, 2, 2, 1)


def states_subnormal(layer):
    """Returns whether a docstring has the limit that numbers below the smallest normal one may count as 0."""
    text = " ".join(type(layer).__doc__.lower().split())
    return any(words in text for words in ("subnormal", "denormal", "smallest normal number"))


def limit_of(layer):
    """Returns the paragraph of a docstring that has the limits of float32."""
    paragraphs = (" ".join(part.split()) for part in type(layer).__doc__.split("\n\n"))
    return next((part for part in paragraphs if "float32" in part or "1.2e-38" in part), "")


def right_or_stated(layer, value, expected, rel=1e-5):
    """Checks a value; one below the smallest normal number may be 0 if the docstring says so."""
    if abs(expected) < SMALLEST_NORMAL and value == 0:
        stated = states_subnormal(layer)
        assert stated, f"0 instead of {expected:.3g}"
        return
    assert value == pytest.approx(expected, rel=rel, abs=2.0**-148 if abs(expected) < SMALLEST_NORMAL else 0)


WINDOWS = {
    "ordinary": [1.0, 2.0, 0.5, 3.0],
    "2e38": [2e38, 1e38, 5e37, 0.0],
    "largest": [LARGEST] * 4,
    "largest and others": [LARGEST, 1.0, 1e-30, -LARGEST],
    "1e-25": [1e-25, 3e-25, 2e-25, 0.0],
    "1e-37": [3e-37, 2e-37, 5e-37, 4e-37],
    "two ends": [3e38, 1e-38, 0.0, 0.0],
}
SUBNORMAL = {
    "1e-40": [1e-40, 3e-40, 2e-40, 0.0],
    "smallest": [1e-45, 0.0, 0.0, 0.0],
    "1e-39": [2e-39, 5e-39, 8e-39, 0],
}


@pytest.mark.parametrize("name", [*WINDOWS, *SUBNORMAL])
def test_the_mean_of_stochastic_pooling_is_right_at_the_ends(name):
    """Zeiler, Fergus, 2013, equation 6: sum p_i a_i with p_i = a_i / sum a, in exact fractions."""
    layer = layers.StochasticPooling2D(2)
    x = window_of({**WINDOWS, **SUBNORMAL}[name])
    a = [fractions.Fraction(max(float(v), 0.0)) for v in x.reshape(-1)]
    expected = float(sum(v * v for v in a) / sum(a))
    right_or_stated(layer, result(layer, x, training=False).item(), expected)


@pytest.mark.parametrize("name", ["ordinary", "2e38", "1e-25", "1e-37"])
def test_the_slope_of_stochastic_pooling_is_right_at_the_ends(name):
    """The derivative of sum a^2 / sum a by a_i is (2 a_i - y) / sum a, in exact fractions."""
    layer, variable = layers.StochasticPooling2D(2), tf.Variable(window_of(WINDOWS[name]))
    with tf.GradientTape() as tape:
        y = layer(variable, training=False)
    a = [fractions.Fraction(float(v)) for v in variable.numpy().reshape(-1)]
    mean = sum(v * v for v in a) / sum(a)
    if max(a) > 1e37:
        assert "gradient" in limit_of(layer)
        return
    for v, slope in zip(a, tape.gradient(y, variable).numpy().reshape(-1), strict=True):
        # At 0 the slope is that of clipping. A difference of small numbers can be subnormal, and then 0.
        rounded = slope == 0 and abs(2 * v - mean) < 4 * SMALLEST_NORMAL and states_subnormal(layer)
        if v > 0 and not rounded:
            assert slope == pytest.approx(float((2 * v - mean) / sum(a)), rel=1e-5)


@pytest.mark.parametrize("exponent", [0, 100, 127, 128, -100, -121])
def test_draws_of_stochastic_pooling_have_the_same_probabilities_at_any_scale(exponent):
    """Zeiler, Fergus, 2013, equation 4: p_i = a_i / sum a is the same for a and c * a."""
    a = np.random.default_rng(0).uniform(0.05, 0.95, size=(1, 64, 64, 1))
    x = np.ldexp(a, exponent).astype("float32")
    drawn = np.ldexp(result(layers.StochasticPooling2D(2, seed=3), x, training=True), -exponent)
    windows = a.reshape(32, 2, 32, 2).transpose(0, 2, 1, 3).reshape(1024, 4)
    p = windows / windows.sum(1, keepdims=True)
    mean = (p * windows).sum(1)
    error = math.sqrt(((p * windows**2).sum(1) - mean**2).mean() / 1024)
    assert drawn.mean() == pytest.approx(mean.mean(), abs=5 * error)
    gap = np.abs(drawn.reshape(1024, 1) - windows).min(1).max()
    assert gap < 1e-6, "an output that is not an entry of its window"


def p_norm(values, p, normalize):
    """Returns (sum |a|^p)^(1/p) in decimals of fifty digits; equation (7) of the survey."""
    with decimal.localcontext(CONTEXT):
        powers = [abs(decimal.Decimal(float(v))) ** decimal.Decimal(p) for v in values if v]
        return float((sum(powers) / (len(values) if normalize else 1)) ** (1 / decimal.Decimal(p)))


@pytest.mark.parametrize("name", ["ordinary", "2e38", "1e-25", "1e-37", "two ends", *SUBNORMAL])
@pytest.mark.parametrize("p", [0.5, 1, 2, 3.5, 100])
def test_lp_pooling_is_right_at_the_ends(name, p):
    """Hyvarinen, Koster, 2007: the norm of c * a is |c| times that of a, however large or small c is."""
    x = window_of({**WINDOWS, **SUBNORMAL}[name])
    layer = layers.LpPooling2D(2, p=p, normalize=True)
    if p == 1 and x.max() > 1e38:
        assert "with p=1, sums overflow as in average pooling" in limit_of(layer)
        return
    right_or_stated(layer, result(layer, x).item(), p_norm(x.reshape(-1), p, True), rel=2e-5)


@pytest.mark.parametrize("name", ["ordinary", "2e38", "1e-25", "1e-37", *SUBNORMAL])
def test_the_sum_of_lp_pooling_is_right_at_the_ends(name):
    """Square-root pooling of Le et al., 2010, p = 2, without the mean."""
    x, layer = window_of({**WINDOWS, **SUBNORMAL}[name]), layers.LpPooling2D(2)
    right_or_stated(layer, result(layer, x).item(), p_norm(x.reshape(-1), 2, False), rel=2e-5)


@pytest.mark.parametrize("name", ["2e38", "1e-25", "1e-37", *SUBNORMAL])
def test_generalized_mean_pooling_is_right_at_the_ends(name):
    """Radenovic et al., 2018, equation 3: the mean of a^p to the power 1 / p."""
    x, layer = window_of({**WINDOWS, **SUBNORMAL}[name]), layers.GeneralizedMeanPooling2D(3.0)
    right_or_stated(layer, result(layer, x).item(), p_norm(x.reshape(-1), 3.0, True), rel=2e-5)


@pytest.mark.parametrize("size", [1.0, 1e10, 9e17, 1e19, 1e20, 1e30, 1e38, 1e-20])
@pytest.mark.parametrize("beta", [0.5, 0.75, 1.0])
def test_local_response_normalization_is_right_for_large_activations(size, beta):
    """Krizhevsky et al., 2012, section 3.3, as a loop over channels in float64, whose squares reach 1e308."""
    x = np.array([1.0, -0.5, 2.0, 0.25, 0.0, 1.5]) * size
    layer = layers.LocalResponseNormalization(1, bias=2.0, alpha=1e-4, beta=beta)
    x = x.astype("float32").astype("float64")
    expected = [
        x[i] / (2.0 + 1e-4 * sum(x[j] ** 2 for j in range(max(i - 1, 0), min(i + 2, 6)))) ** beta
        for i in range(6)
    ]
    if size > 1e18:
        # Here the square of the true value has left float32, and the docstring says so.
        assert "overflows in float32 for inputs above 1e18" in " ".join(layer.__doc__.split())
        return
    np.testing.assert_allclose(result(layer, x[None].astype("float32"))[0], expected, rtol=2e-5)


@pytest.mark.parametrize("size", [1.0, 1e10, 1e20, 3e38, 1e-20])
@pytest.mark.parametrize("p", [0.5, 0.9])
def test_the_smoothed_penalty_is_right_for_large_weights(size, p):
    """Chartrand, Yin, 2008: (w^2 + epsilon^2)^(p/2) - epsilon^p, and its slope, in float64."""
    w = np.array([size, -size / 3, 0.0], "float32")
    regularizer, variable = regularizers.Lp(0.5, p=p, epsilon=1e-3), tf.Variable(w)
    with tf.GradientTape() as tape:
        value = regularizer(variable)
    w = w.astype("float64")
    slope = 0.5 * p * w * (w * w + 1e-6) ** (p / 2 - 1)
    assert float(value) == pytest.approx(0.5 * sum((w * w + 1e-6) ** (p / 2) - 1e-3**p), rel=1e-5, abs=1e-7)
    np.testing.assert_allclose(tape.gradient(value, variable), slope, rtol=1e-5, atol=1e-30)


def test_factors_of_stochastic_depth_are_exact_in_float64():
    """Huang et al., 2016: kept branches count 1 / (1 - rate) in training, or 1 - rate at inference."""
    x = np.ones((64, 1))
    kept = result(layers.StochasticDepth(0.3, seed=0, dtype="float64"), x, training=True)
    assert set(kept.reshape(-1)) <= {0.0, 1 / 0.7, 1 / (1 - 0.3)} and kept.any()
    mean = result(layers.StochasticDepth(0.3, scale_at="inference", dtype="float64"), x, training=False)
    np.testing.assert_allclose(mean, 0.7, rtol=1e-15)


def test_the_power_of_generalized_mean_pooling_is_exact_in_float64():
    """Radenovic et al., 2018, equation 3 in float64, at the power that was asked for."""
    layer = layers.GeneralizedMeanPooling2D(3.7, dtype="float64")
    x = np.random.default_rng(0).uniform(0.1, 2, size=(2, 3, 3, 2))
    np.testing.assert_allclose(result(layer, x), (x**3.7).mean((1, 2)) ** (1 / 3.7), rtol=1e-14)
    assert result(keras.ops.convert_to_tensor, layer.weights[0]).reshape(-1).tolist() == [3.7]


def float64_layers():
    """Yields a name, a layer in float64, its input, and the formula of its paper."""
    rng = np.random.default_rng(1)
    x, kernel = rng.normal(size=(3, 5)), rng.normal(size=(5, 4))
    dense = keras.layers.Dense(4, use_bias=False, dtype="float64")
    same = layers.FastDropoutDense(4, 0.3, use_bias=False, dtype="float64")
    for layer in (dense, same):
        layer.build((None, 5))
        layer.set_weights([kernel])
    windows = rng.uniform(0.1, 2, size=(1, 2, 2, 1))
    yield "DropConnect", layers.DropConnect(dense, 0.3, dtype="float64"), x, 0.7 * x @ kernel
    yield "FastDropoutDense", same, x, 0.7 * x @ kernel
    yield "RReLU", layers.RReLU(0.1, 0.3, dtype="float64"), x, np.where(x > 0, x, 0.2 * x)
    yield (
        "RReLU, test slope",
        layers.RReLU(inference_slope=1 / 5.5, dtype="float64"),
        x,
        np.where(x > 0, x, x / 5.5),
    )
    energy = np.array([[(x[b, max(i - 1, 0) : i + 2] ** 2).sum() for i in range(5)] for b in range(3)])
    normalization = layers.LocalResponseNormalization(1, bias=1.3, alpha=0.1, beta=0.7, dtype="float64")
    yield "LocalResponseNormalization", normalization, x, x / (1.3 + 0.1 * energy) ** 0.7
    pooling = layers.LpPooling2D(2, p=2.7, dtype="float64")
    yield "LpPooling2D", pooling, windows, (windows**2.7).sum((1, 2), keepdims=True) ** (1 / 2.7)
    stochastic = layers.StochasticPooling2D(2, dtype="float64")
    yield "StochasticPooling2D", stochastic, windows, (windows**2).sum((1, 2), keepdims=True) / windows.sum()
    logits = 0.7 * x[:, :4].reshape(3, 2, 2)
    p = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    probout = layers.Probout(2, inverse_temperature=0.7, dtype="float64")
    yield "Probout", probout, x[:, :4], (p * x[:, :4].reshape(3, 2, 2)).sum(-1) / 2


@pytest.mark.parametrize("name", [name for name, *_ in float64_layers()])
def test_numbers_that_are_not_float32_stay_exact_in_float64(name):
    """The formula of each paper in float64; 0.3 rounded to float32 has an error of 1e-8."""
    layer, x, expected = next(case[1:] for case in float64_layers() if case[0] == name)
    np.testing.assert_allclose(
        result(layer, x, training=False) if name in STOCHASTIC else result(layer, x), expected, rtol=1e-13
    )


STOCHASTIC = {
    "DropConnect",
    "FastDropoutDense",
    "RReLU",
    "RReLU, test slope",
    "StochasticPooling2D",
    "Probout",
}
W = np.array([0.3, -1.7, 2.9])
Y = np.array([0, 2])
SCORES = np.array([[0.2, -0.4, 1.3], [0.7, 0.1, 0.6]])
Z = np.array([[[0.1, 0.7], [0.4, 0.2]], [[0.3, 0.3], [0.9, 0.6]]])
D = [0.3**2 + 0.5**2, 0.6**2 + 0.3**2]


def hinge(p):
    """Returns Tang's one-vs-rest hinge to the power p, the mean over two examples."""
    signs = np.where(np.arange(3) == Y[:, None], 1, -1)
    return float((np.maximum(0, 1 - signs * SCORES) ** p).sum(-1).mean())


def arcface(margin, scale):
    cosines = SCORES / 2
    angles = np.arccos(cosines[[0, 1], Y]) + margin
    logits = scale * cosines
    logits[[0, 1], Y] = scale * np.cos(angles)
    return float((np.log(np.exp(logits).sum(-1)) - logits[[0, 1], Y]).mean())


# Expressions that a process of another backend evaluates, and their values by the papers' formulas.
FLOAT64 = {
    "regularizers.Lp(0.3, p=2.7)(W)": 0.3 * float((np.abs(W) ** 2.7).sum()),
    "regularizers.Lp(0.3, p=0.7, epsilon=0.1)(W)": 0.3 * float(((W**2 + 0.01) ** 0.35 - 0.1**0.7).sum()),
    "regularizers.KernelSmoothness(0.3)(W.reshape(3, 1, 1))": 0.3 * float((np.diff(W) ** 2).sum()),
    "losses.MulticlassHinge(p=1.3, dtype='float64')(Y, SCORES)": hinge(1.3),
    "losses.MulticlassHinge(p=2, dtype='float64')(Y, SCORES)": hinge(2),
    "losses.ArcFace(0.3, scale=1.7, dtype='float64')(Y, SCORES / 2)": arcface(0.3, 1.7),
    "losses.Contrastive(0.7, dtype='float64')(np.array([1, 0]), Z)": (D[0] + max(0.7 - D[1], 0)) / 4,
    "losses.DoubleMarginContrastive(0.1, 0.7, dtype='float64')(np.array([1, 0]), Z)": (
        (max(D[0] - 0.1, 0) + max(0.7 - D[1], 0)) / 4
    ),
    "losses.Triplet(0.3, mining=None, dtype='float64')(Y, np.concatenate([Z, Z[:, :1] * 1.3], 1))": float(
        np.mean([max(d - (Z[i, 0] ** 2).sum() * 0.09 + 0.3, 0) for i, d in enumerate(D)])
    ),
    "losses.GANLoss('least_squares', dtype='float64')(np.array([1, 0]), W[:2])": ((0.3 - 1) ** 2 + 1.7**2)
    / 4,
}


def test_the_losses_in_float64_are_exact_in_this_process():
    """The formulas of the papers in float64, with numbers that float32 rounds."""
    names = {
        "np": np,
        "losses": losses,
        "regularizers": regularizers,
        "W": W,
        "Y": Y,
        "SCORES": SCORES,
        "Z": Z,
    }
    values = {text: float(eval(text, names)) for text in FLOAT64}
    assert values == {text: pytest.approx(expected, rel=1e-13) for text, expected in FLOAT64.items()}


CHILD = """
import json
import numpy as np
from keras import ops
from keras_cnn_zoo import layers, losses, regularizers
W, Y, SCORES, Z = (np.array(value) for value in json.loads({inputs!r}))
values = {{}}
for text in json.loads({texts!r}):
    value = ops.convert_to_numpy(eval(text))
    values[text] = [float(value), str(value.dtype)]
print(json.dumps(values))
"""
# Layers: the factor of a kept branch, the mean of dropped weights, a slope, and the power at the start.
FACTORS = {
    "ops.max(layers.StochasticDepth(0.3, seed=0, dtype='float64')(np.ones((64, 1)), training=True))": 1 / 0.7,
    "layers.FastDropoutDense(1, 0.3, kernel_initializer='ones', dtype='float64')(np.ones((1, 1)))[0, 0]": 0.7,
    "layers.RReLU(0.1, 0.3, dtype='float64')(-np.ones((1, 1)))[0, 0]": -0.2,
    "layers.GeneralizedMeanPooling2D(3.7, dtype='float64')(np.array([[[[1.0], [2.0]]]]))[0, 0]": (
        ((1 + 2**3.7) / 2) ** (1 / 3.7)
    ),
}


def stated(text, dtype):
    """Returns whether a loss came back in float32, and its docstring says so about PyTorch."""
    if dtype == "float64" or not text.startswith("losses."):
        return False
    document = getattr(losses, text.split(".")[1].split("(")[0]).__doc__
    return bool(re.search(r"float(32|64)[^.]*PyTorch|PyTorch[^.]*float(32|64)", document))


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_float64_is_exact_on_other_backends(backend, monkeypatch):
    """The same formulas in a process of another backend, exact or with the limit in the docstring."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    monkeypatch.setenv("KERAS_BACKEND", backend)
    monkeypatch.setenv("JAX_ENABLE_X64", "1")
    expected = {**FLOAT64, **FACTORS}
    inputs = json.dumps([W.tolist(), Y.tolist(), SCORES.tolist(), Z.tolist()])
    child = helpers.run_python("-c", CHILD.format(inputs=inputs, texts=json.dumps(list(expected))))
    assert child.returncode == 0, child.stderr
    values = json.loads(child.stdout.splitlines()[-1])
    wrong = {
        text: (*values[text], expected[text])
        for text in expected
        if not math.isclose(
            values[text][0], expected[text], rel_tol=1e-6 if stated(text, values[text][1]) else 1e-13
        )
    }
    assert wrong == {}
