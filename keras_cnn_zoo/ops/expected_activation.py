"""The mean of an activation of a Gaussian.

`resolved` reduces the spellings of an activation (a function of `keras.activations` or `keras.ops`, a partial
call, a layer) to a name and arguments. The name selects one of

    piecewise polynomials     relu, leaky_relu, hard_tanh, hard_silu, ...: in closed form, term by term
    mixtures of Gaussians     sigmoid, tanh, softplus, silu, ...: the logistic function is a mixture of `cdf(x
                              / s)` over scales `s`, and `E[cdf(X / s)] = cdf(mean / sqrt(s^2 + variance))`
    exponentials              exp in closed form; elu, selu, celu as ReLU and an integral over `x < 0`
    any other function        an integral, split at 0
"""

import dataclasses
import functools
import inspect
import math

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.ops import gaussian

# Activations of a whole vector of units. Their mean does not follow from the Gaussian of one unit.
JOINT_ACTIVATIONS = ("softmax", "log_softmax", "sparsemax", "glu")
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
# `1 + expm1(-DECAYED)` is 1e-11.
DECAYED = 25.0


@dataclasses.dataclass(frozen=True)
class Piecewise:
    """A function that is linear outside the knots, and of degree at most 2 between them.

    Args:
        knots: Ascending numbers.
        value: Value at the first knot, from the right without its jump.
        left: Slope before the first knot.
        right: Slope after the last knot.
        inner: Pairs `(b, c)` per interval between knots: there the function is its value at the start plus `b
            y + c y^2`, where `y` is the distance from the start.
        below: Constant that is added before the first knot.
        jumps: Constants that are added from each knot on.
    """

    knots: tuple
    value: float = 0.0
    left: object = 0.0
    right: object = 0.0
    inner: tuple = ()
    below: float = 0.0
    jumps: tuple = ()


def _relu(negative_slope=0.0, max_value=None, threshold=0.0):
    if threshold == 0 and max_value is None:
        return Piecewise((0.0,), left=negative_slope, right=1.0)
    if max_value is None:
        return Piecewise((threshold,), left=negative_slope, right=1.0, jumps=(threshold,))
    if threshold >= max_value:
        return Piecewise((threshold,), left=negative_slope, jumps=(max_value,))
    if threshold < 0 < max_value:
        return Piecewise((threshold, 0.0, max_value), left=negative_slope, inner=((0.0, 0.0), (1.0, 0.0)))
    return Piecewise((threshold, max_value), left=negative_slope, inner=((1.0, 0.0),), jumps=(threshold, 0.0))


PIECEWISE = {
    "relu": _relu,
    "relu6": lambda: _relu(max_value=6.0),
    "leaky_relu": lambda negative_slope: _relu(negative_slope),
    "hard_tanh": lambda: Piecewise((-1.0, 1.0), value=-1.0, inner=((1.0, 0.0),)),
    "hard_sigmoid": lambda: Piecewise((-3.0, 3.0), inner=((1 / 6, 0.0),)),
    "sparse_sigmoid": lambda: Piecewise((-1.0, 1.0), inner=((0.5, 0.0),)),
    "hard_silu": lambda: Piecewise((-3.0, 3.0), right=1.0, inner=((-0.5, 1 / 6),)),
    "sparse_plus": lambda: Piecewise((-1.0, 1.0), right=1.0, inner=((0.0, 0.25),)),
    "soft_shrink": lambda threshold: Piecewise(
        (-threshold, threshold), left=1.0, right=1.0, inner=((0.0, 0.0),)
    ),
    "hard_shrink": lambda threshold: Piecewise(
        (-threshold, threshold),
        left=1.0,
        right=1.0,
        inner=((0.0, 0.0),),
        below=-threshold,
        jumps=(0.0, threshold),
    ),
    "threshold": lambda threshold, default_value: Piecewise(
        (threshold,), right=1.0, below=default_value, jumps=(threshold,)
    ),
    "absolute": lambda: Piecewise((0.0,), left=-1.0, right=1.0),
}


@functools.cache
def _logistic_mixture(step=0.15):
    """Returns scales `s` and weights with `sigmoid(x) = sum(weight * cdf(x / s))`.

    A logistic variable is a normal one times twice a variable of Kolmogorov's distribution (Andrews, Mallows,
    1974, "Scale Mixtures of Normal Distributions"). The rule is a trapezoid in the log of the scale. Its
    error is 2e-12, and relative to the sigmoid 4e-9 at -10 and 1e-5 at -20.
    """
    t = np.exp(step * np.arange(-12, 13))
    k = np.arange(1, 80)[:, None]
    # The series and its Poisson sum, each where it converges.
    late = np.sum(8 * t * (-1.0) ** (k - 1) * k**2 * np.exp(-2 * (k * t) ** 2), axis=0)
    rate = (math.pi * (2 * k - 1)) ** 2 / 8
    early = np.sum(math.sqrt(2 * math.pi) * np.exp(-rate / t**2) * (2 * rate / t**4 - 1 / t**2), axis=0)
    weights = step * t * np.where(t < 1, early, late)
    kept = weights > 1e-12
    return list(zip((2 * t[kept]).tolist(), (weights[kept] / weights[kept].sum()).tolist(), strict=True))


NORMAL = [(1.0, 1.0)]


def _names():
    """Returns the name of each function in `keras.activations` and `keras.ops` that is known here."""
    known = {*PIECEWISE, *SMOOTH, *JOINT_ACTIVATIONS, "linear"}
    aliases = {"abs": "absolute", "exp": "exponential", "swish": "silu", "hard_swish": "hard_silu"}
    return {
        getattr(module, name): aliases.get(name, name)
        for module in (keras.ops, keras.activations)
        for name in dir(module)
        if aliases.get(name, name) in known
    }


def resolved(activation):
    """Returns the name and arguments of a known activation, else None and nothing.

    Args:
        activation: A callable, or None.
    """
    layers = keras.layers
    call = getattr(type(activation), "call", None)
    if activation is None:
        return "linear", {}
    if hasattr(activation, "inference_activation"):
        return resolved(activation.inference_activation)
    if isinstance(activation, functools.partial) and not activation.args:
        name, arguments = resolved(activation.func)
        return name, {**arguments, **activation.keywords}
    if call is layers.Activation.call:
        return resolved(activation.activation)
    if call is layers.ReLU.call:
        names = ("negative_slope", "max_value", "threshold")
        return "relu", {name: getattr(activation, name) for name in names}
    if call is layers.LeakyReLU.call:
        return "leaky_relu", {"negative_slope": activation.negative_slope}
    if call is layers.ELU.call:
        return "elu", {"alpha": activation.alpha}
    if call is layers.PReLU.call:
        return "prelu", {"layer": activation}
    if call is layers.Softmax.call:
        return "softmax", {}
    name = NAMES.get(activation) if inspect.isfunction(activation) else None
    if name is None:
        return None, {}
    parameters = list(inspect.signature(activation).parameters.values())[1:]
    return name, {item.name: item.default for item in parameters if item.default is not item.empty}


def is_joint(activation):
    """Returns whether an activation of Keras or this package is not elementwise."""
    return resolved(activation)[0] in JOINT_ACTIVATIONS or reduces_channels(activation)


def reduces_channels(activation):
    """Returns whether an activation of Keras or this package has fewer outputs than inputs."""
    return resolved(activation)[0] == "glu" or getattr(activation, "reduces_channels", False)


def shown_name(activation):
    """Returns the name of an activation for an error message."""
    return resolved(activation)[0] or getattr(activation, "__name__", type(activation).__name__)


def is_linear(activation):
    """Returns whether an activation returns its input."""
    return resolved(activation)[0] == "linear"


def expected_activation(activation, mean, variance):
    """Returns the mean of `activation(u)` for Gaussian `u`.

    Keras' activations are accurate to rounding over all means and variances, with tails: the errors are small
    relative to the mean of `|activation(u)|`, about 1e-6 in float32 and 1e-9 in float64 (1e-7 for elu, selu,
    and celu). `exponential` is infinite where its mean overflows.

    `softsign`, `squareplus`, and functions that are not Keras' are integrated over 7 deviations with
    96 nodes, denser near 0. For functions that are smooth on both sides of 0, such as those two, the errors
    are below 1e-6 for deviations up to 100. Further kinks or jumps cost accuracy, about 1e-2 of the change of
    slope times the deviation; features narrower than 1 are missed by wide deviations; a function that grows
    like `exp(x)` loses accuracy from a deviation of 1 on.

    The gradient is that of the mean. At a variance of 0 the result is `activation(mean)`.

    Args:
        activation: Elementwise activation function or layer, or None.
        mean: Mean of `u`, in at least float32.
        variance: Variance of `u`, at least 0, of the shape and dtype of `mean`.
    """
    name, arguments = resolved(activation)
    if name == "linear":
        return mean
    scale, wide = gaussian.deviation(variance)
    at_mean = ops.cast(activation(mean), mean.dtype)
    if name == "prelu":
        slope = ops.cast(ops.convert_to_tensor(arguments["layer"].alpha), mean.dtype)
        expected = _piecewise(_relu(slope), mean, scale)
    elif name in PIECEWISE:
        expected = _piecewise(PIECEWISE[name](**arguments), mean, scale)
    elif name in SMOOTH and not arguments.get("approximate"):
        expected = SMOOTH[name](mean, scale, **arguments)
    else:
        expected = _integrated(activation, mean, scale)
    return ops.where(wide, expected, at_mean)


def _piecewise(function, mean, scale):
    first, last = function.knots[0], function.knots[-1]
    z = {knot: gaussian.standardized(mean - knot, scale) for knot in function.knots}
    tails = {knot: gaussian.ramp_tail(gaussian.magnitude(z[knot])) for knot in function.knots}
    zero = ops.zeros_like(mean)
    total = function.value
    for place, (slope, curvature) in enumerate(function.inner):
        if slope or curvature:
            segment = _Segment(*function.knots[place : place + 2], mean, scale, z, tails)
            total = segment.expected(slope, curvature, total)
    if not (isinstance(function.left, float | int) and function.left == 0):
        before = ops.where(z[first] > 0, zero, mean - first) - scale * tails[first]
        total = total + function.left * before
    if function.right:
        total = total + function.right * (ops.where(z[last] > 0, mean - last, zero) + scale * tails[last])
    if function.below:
        total = total + function.below * gaussian.normal_cdf(-z[first])
    for knot, jump in zip(function.knots, function.jumps, strict=False):
        if jump:
            total = total + jump * gaussian.normal_cdf(z[knot])
    return total


class _Segment:
    """The mean of a polynomial of `y = clip(x, low, high) - low`.

    The closed form is the polynomial without noise, and a difference of two terms of the size of `scale`.
    Where that is wide, the function of the distance from the middle of the segment is expanded instead.
    """

    def __init__(self, low, high, mean, scale, z, tails):
        self.low, self.length = low, high - low
        self.mean, self.scale = mean, scale
        self.u = [gaussian.magnitude(z[knot]) for knot in (low, high)]
        self.tails = tails[low], tails[high]
        self.after_low, self.after_high = z[low] > 0, z[high] > 0
        # Beyond this, the difference loses more digits than the expansion.
        bound = self.length * (100 if keras.backend.standardize_dtype(mean.dtype) == "float64" else 4)
        self.narrow = scale < bound
        safe = ops.where(self.narrow, ops.full_like(scale, bound), scale)
        self.ratio = self.length / safe
        self.middle = gaussian.standardized(mean - (low + self.length / 2), safe)

    def expected(self, slope, curvature, value):
        """Returns the mean of `value + slope y + curvature y^2`, where `value` is a number or tensor."""
        start = ops.zeros_like(self.mean) + value
        end = start + (slope * self.length + curvature * self.length**2)
        # For a number, the coefficients are exact.
        constant = value + (curvature * self.low - slope) * self.low
        inside = constant + self.mean * (slope - 2 * curvature * self.low + curvature * self.mean)
        plain = ops.where(self.after_high, end, ops.where(self.after_low, inside, start))
        noise = slope * self.scale * (self.tails[0] - self.tails[1])
        even, odd = self._expanded()
        wide = value + slope * self.length * even
        if curvature:
            noise = noise + curvature * self._noise_of_square()
            wide = wide + curvature * self.length**2 * (even - odd)
        return ops.where(self.narrow, plain + noise, wide)

    def _noise_of_square(self):
        """Returns what the noise adds to `y^2`."""
        variance = ops.square(self.scale)
        # The mean of max(x - knot, 0)^2 if the mean of x is `u` deviations below the knot.
        low, high = (
            variance * (gaussian.normal_tail(u) - u * tail)
            for u, tail in zip(self.u, self.tails, strict=True)
        )
        added = ops.where(self.after_low, variance - low - high, low - high)
        return ops.where(self.after_high, high - low, added) - 2 * self.length * self.scale * self.tails[1]

    def _expanded(self):
        """Returns the mean of `y / length`, and that minus the mean of its square."""
        z, ratio = self.middle, self.ratio
        density = gaussian.normal_density(z)
        # The second to fourth derivative of the cdf, divided by the density.
        second, third, fourth = -z, ops.square(z) - 1, z * (3 - ops.square(z))
        even = gaussian.normal_cdf(z) + density * (ratio**2 / 24 * second + ratio**4 / 1920 * fourth)
        return even, density * (ratio / 6 + ratio**3 / 240 * third)


def _mixed(mixture, mean, variance):
    """Yields per term of a mixture: its weight, its deviation `S`, and `|mean| / S`."""
    distance = gaussian.magnitude(mean)
    for scale, weight in mixture:
        spread = ops.sqrt(variance + scale**2)
        yield weight, spread, distance / spread


def _sigmoid(mean, scale):
    tail = sum(
        w * gaussian.normal_tail(u) for w, _, u in _mixed(_logistic_mixture(), mean, ops.square(scale))
    )
    return ops.where(mean > 0, 1 - tail, tail)


def _tanh(mean, scale):
    terms = _mixed(_logistic_mixture(), 2 * mean, 4 * ops.square(scale))
    half = sum(2 * w * gaussian.centered_cdf(u) for w, _, u in terms)
    return ops.where(mean > 0, half, -half)


def _softplus(mean, scale):
    terms = _mixed(_logistic_mixture(), mean, ops.square(scale))
    tail = sum(w * spread * gaussian.ramp_tail(u) for w, spread, u in terms)
    return ops.where(mean > 0, mean, ops.zeros_like(mean)) + tail


def _gated(mixture, mean, scale):
    """Returns the mean of `x F(x)`, where `F` is the mixture's distribution function."""
    variance = ops.square(scale)
    total = ops.where(mean > 0, mean, ops.zeros_like(mean))
    for weight, spread, u in _mixed(mixture, mean, variance):
        change = variance / spread * gaussian.normal_density(u) - gaussian.magnitude(
            mean
        ) * gaussian.normal_tail(u)
        total = total + weight * change
    return total


def _elu(mean, scale, alpha=1.0, decay=1.0):
    """Returns the mean of `x` for `x > 0`, and of `alpha (exp(x / decay) - 1)` for `x < 0`."""
    end = -DECAYED * decay
    curved, _ = gaussian.integral(lambda x: ops.elu(x / decay), mean, scale, (end, 0.0))
    flat = gaussian.normal_cdf(-gaussian.standardized(mean - end, scale))
    # The function is constant there, and its kink is at 0: the gradient is that of the other two terms.
    flat = ops.stop_gradient(flat)
    return _piecewise(_relu(), mean, scale) + alpha * (curved - flat)


def _mish(mean, scale):
    """Returns the mean of mish, which is `x` from `DECAYED` on and 0 below its negative."""
    end = DECAYED
    z = gaussian.standardized(mean - end, scale)
    curved, _ = gaussian.integral(keras.activations.mish, mean, scale, (-end, 0.0, end))
    # As in `_elu`, the border has no gradient.
    return (
        curved
        + _piecewise(Piecewise((end,), right=1.0), mean, scale)
        + end * ops.stop_gradient(gaussian.normal_cdf(z))
    )


SMOOTH = {
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "tanh_shrink": lambda mean, scale: mean - _tanh(mean, scale),
    "softplus": _softplus,
    "log_sigmoid": lambda mean, scale: -_softplus(-mean, scale),
    "silu": lambda mean, scale: _gated(_logistic_mixture(), mean, scale),
    "gelu": lambda mean, scale, approximate: _gated(NORMAL, mean, scale),
    "exponential": lambda mean, scale: ops.exp(mean + ops.square(scale) / 2),
    "elu": _elu,
    "mish": _mish,
    "selu": lambda mean, scale: SELU_SCALE * _elu(mean, scale, SELU_ALPHA),
    "celu": lambda mean, scale, alpha: _elu(mean, scale, alpha, alpha),
}
NAMES = _names()


def _integrated(activation, mean, scale):
    """Returns the integral of a function with features of size 1 near 0 that widen with the distance."""
    width = ops.stop_gradient(scale)
    # The outer panels are as long relative to `middle` as `middle` is relative to 1.
    middle = ops.sqrt(gaussian.REACH * width)
    edges = (-math.inf, -middle, ops.zeros_like(middle), middle, math.inf)
    total, mass = gaussian.integral(activation, mean, scale, edges)
    return total / mass
