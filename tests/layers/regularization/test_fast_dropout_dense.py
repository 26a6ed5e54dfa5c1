"""FastDropoutDense against the Gaussian's moments by loops, and dropout by Monte Carlo."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import FastDropoutDense, Maxout, Probout, RReLU
from keras_cnn_zoo.utils.autodiff import value_and_gradients
from tests.helpers import WEIGHT_ARGUMENTS

ACTIVATIONS = {
    None: lambda u: u,
    "relu": lambda u: np.where(u > 0, u, 0.0),
    "leaky_relu": lambda u: np.where(u > 0, u, 0.2 * u),
    "elu": lambda u: np.where(u > 0, u, np.expm1(np.minimum(u, 0))),
    "sigmoid": lambda u: 1 / (1 + np.exp(-u)),
    "tanh": np.tanh,
}


def moments(inputs, weights, units, rate):
    """Returns the mean and variance of the sum over dropped inputs, by loops."""
    mean = np.zeros((*inputs.shape[:-1], units))
    variance = np.zeros_like(mean)
    for place in np.ndindex(mean.shape):
        mean[place] = weights["bias"][place[-1]] if "bias" in weights else 0.0
        for x, w in zip(inputs[place[:-1]], weights["kernel"][:, place[-1]], strict=True):
            mean[place] += (1 - rate) * x * w
            variance[place] += rate * (1 - rate) * (x * w) ** 2
    return mean, variance


def gaussian_mean(function, mean, variance):
    """Returns the mean of a function of a Gaussian, by quadrature on both sides of ReLU's kink at 0."""
    nodes, weights = np.polynomial.legendre.leggauss(300)
    outputs = np.zeros_like(mean)
    for place in np.ndindex(mean.shape):
        centre, deviation = mean[place], np.sqrt(variance[place])
        low, high = centre - 12 * deviation, centre + 12 * deviation
        middle = min(max(0.0, low), high)
        for a, b in ((low, middle), (middle, high)):
            u = (b - a) / 2 * nodes + (a + b) / 2
            density = np.exp(-(((u - centre) / deviation) ** 2) / 2) / (deviation * np.sqrt(2 * np.pi))
            outputs[place] += (b - a) / 2 * np.sum(weights * function(u) * density)
    return outputs


def reference(inputs, weights, units, rate, activation=None, **_):
    return gaussian_mean(ACTIVATIONS[activation], *moments(inputs, weights, units, rate))


CASES = [
    dict(
        cls=FastDropoutDense,
        init_kwargs={
            "units": 4,
            "rate": 0.4,
            "activation": "relu",
            **WEIGHT_ARGUMENTS,
            "seed": 3,
        },
        input_shape=(3, 5),
        reference=reference,
        expected_output_shape=(3, 4),
    ),
    dict(
        cls=FastDropoutDense,
        init_kwargs={"units": 2, "rate": 0.25, "activation": "sigmoid", "use_bias": False},
        input_shape=(2, 3, 4),
        reference=reference,
    ),
    dict(
        cls=FastDropoutDense, init_kwargs={"units": 2, "rate": 0.5}, input_shape=(2, 4), reference=reference
    ),
    dict(
        cls=FastDropoutDense,
        init_kwargs={"units": 3, "rate": 0.5, "activation": "elu"},
        input_shape=(2, 4),
        reference=reference,
    ),
]


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def named_weights(layer):
    return dict(zip(("kernel", "bias"), layer.get_weights(), strict=True))


def named_weights_of(layer):
    return {"kernel": numpy_of(layer.kernel), "bias": numpy_of(layer.bias)}


def example(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def built(units, rate, channels, **arguments):
    layer = FastDropoutDense(units, rate, **arguments)
    layer.build((None, channels))
    layer.set_weights([example(channels, units, seed=1) / 3, example(units, seed=2)])
    return layer


def dropped_sums(layer, inputs, count=10_000):
    """Returns the pre-activations of one example with real dropout of its inputs."""
    kernel, bias = (weight.astype("float64") for weight in layer.get_weights())
    kept = np.random.default_rng(3).random((count, inputs.shape[1])) >= layer.rate
    return (inputs * kept) @ kernel + bias


@pytest.mark.parametrize("activation", [None, "relu", "sigmoid", "tanh"])
def test_inference_is_the_average_over_10000_dropped_inputs(activation):
    layer, inputs = built(8, 0.5, 100, activation=activation), example(1, 100)
    samples = ACTIVATIONS[activation](dropped_sums(layer, inputs))
    noise = samples.std(axis=0) / 100
    error = np.abs(numpy_of(layer(inputs))[0] - samples.mean(axis=0))
    # The rest, besides noise, is the difference between a sum of 100 terms and a Gaussian.
    assert np.all(error < 4 * noise + 0.01 * samples.std())


def test_the_mean_of_the_activation_is_not_the_activation_of_the_mean():
    layer, inputs = built(8, 0.5, 100, activation="relu"), example(1, 100)
    truth = ACTIVATIONS["relu"](dropped_sums(layer, inputs)).mean(axis=0)
    kernel, bias = layer.get_weights()
    plain = ACTIVATIONS["relu"](0.5 * inputs @ kernel + bias)[0]
    assert np.abs(plain - truth).max() > 5 * np.abs(numpy_of(layer(inputs))[0] - truth).max()


def test_training_draws_have_the_mean_and_variance_of_dropped_inputs():
    layer, inputs = built(6, 0.3, 50, seed=1), example(1, 50)
    mean, variance = moments(inputs.astype("float64"), named_weights(layer), 6, 0.3)
    draws = numpy_of(layer(np.repeat(inputs, 20000, axis=0), training=True)).astype("float64")
    assert np.all(np.abs(draws.mean(axis=0) - mean[0]) < 4 * np.sqrt(variance[0] / 20000))
    # The variance of a Gaussian's sample variance is 2 variance^2 / n.
    assert np.all(np.abs(draws.var(axis=0) / variance[0] - 1) < 4 * np.sqrt(2 / 20000))
    real = dropped_sums(layer, inputs)
    np.testing.assert_allclose(draws.var(axis=0), real.var(axis=0), rtol=0.08)
    standard = (draws - mean) / np.sqrt(variance)
    assert np.abs(np.corrcoef(standard.T) - np.eye(6)).max() < 4 / np.sqrt(20000) + 1e-9


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_the_mean_of_many_draws_is_the_inference_output(activation):
    layer, inputs = built(4, 0.5, 20, activation=activation, seed=2), example(1, 20)
    draws = numpy_of(layer(np.repeat(inputs, 10000, axis=0), training=True)).astype("float64")
    error = np.abs(draws.mean(axis=0) - numpy_of(layer(inputs))[0])
    # A unit that is almost never positive may be positive in no draw.
    assert np.all(error < 4 * draws.std(axis=0) / 100 + 1e-6)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("activation", [None, "relu", "tanh", "softmax"])
def test_a_rate_of_zero_equals_dense(training, activation):
    layer, inputs = built(3, 0.0, 5, activation=activation), example(2, 4, 5)
    dense = keras.layers.Dense(3, activation=activation)
    dense.build((None, 5))
    dense.set_weights(layer.get_weights())
    np.testing.assert_allclose(
        numpy_of(layer(inputs, training=training)), numpy_of(dense(inputs)), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    "activation, slope",
    [
        (keras.layers.ReLU(), 0.0),
        (keras.layers.LeakyReLU(0.1), 0.1),
        (keras.layers.PReLU(keras.initializers.Constant(0.4)), 0.4),
        (RReLU(0.2, 0.4), 0.3),
        (RReLU(0.2, 0.4, inference_slope=0.25), 0.25),
    ],
)
def test_a_layer_as_activation_is_averaged_and_saved(activation, slope, tmp_path):
    layer, inputs = FastDropoutDense(4, 0.4, activation=activation), example(3, 6)
    model = keras.Sequential([keras.Input((6,)), layer])
    mean, variance = moments(inputs.astype("float64"), named_weights_of(layer), 4, 0.4)
    expected = gaussian_mean(lambda u: np.where(u > 0, u, slope * u), mean, variance)
    np.testing.assert_allclose(numpy_of(model(inputs)), expected, rtol=1e-5, atol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(numpy_of(loaded(inputs)), numpy_of(model(inputs)))


def test_half_precision_averages_in_float32():
    inputs = example(3, 6)
    for activation in ("relu6", "sigmoid", "mish"):
        layer = FastDropoutDense(4, 0.4, activation=activation, dtype="mixed_float16")
        layer.build(inputs.shape)
        twin = FastDropoutDense(4, 0.4, activation=activation)
        twin.build(inputs.shape)
        twin.set_weights(layer.get_weights())
        outputs = layer(inputs)
        assert keras.backend.standardize_dtype(outputs.dtype) == "float16"
        np.testing.assert_allclose(numpy_of(outputs), numpy_of(twin(inputs)), rtol=5e-3, atol=2e-3)


def test_kernels_equal_those_after_keras_dropout_divided_by_the_keep_rate():
    layer, inputs = built(3, 0.2, 6), example(2, 6)
    kernel, bias = layer.get_weights()
    dense = keras.layers.Dense(3)
    dense.build((None, 6))
    dense.set_weights([0.8 * kernel, bias])
    np.testing.assert_allclose(numpy_of(layer(inputs)), numpy_of(dense(inputs)), rtol=1e-5, atol=1e-6)


def test_softmax_is_applied_to_the_mean_and_to_the_draw():
    layer, inputs = built(3, 0.5, 6, activation="softmax", seed=1), example(2, 6)
    kernel, bias = layer.get_weights()
    expected = numpy_of(keras.ops.softmax(0.5 * inputs @ kernel + bias))
    np.testing.assert_allclose(numpy_of(layer(inputs)), expected, rtol=1e-5)
    np.testing.assert_allclose(numpy_of(layer(inputs, training=True)).sum(-1), 1, rtol=1e-5)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("activation", [None, "relu", "sigmoid"])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e15])
def test_zero_tiny_and_huge_inputs_are_finite(training, activation, scale):
    layer = FastDropoutDense(3, 0.5, activation=activation, use_bias=False, seed=0)
    inputs = scale * np.ones((1, 4), "float32")
    layer.build(inputs.shape)
    _, (gradient,), _ = value_and_gradients(lambda x: keras.ops.sum(layer(x, training=training)), [inputs])
    assert (
        np.isfinite(numpy_of(layer(inputs, training=training))).all()
        and np.isfinite(numpy_of(gradient)).all()
    )
    if scale == 0:
        assert np.all(numpy_of(layer(inputs, training=training)) == (0.5 if activation == "sigmoid" else 0))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"units": 0}, "`units` must be a positive integer. Received: units=0"),
        ({"rate": 1.0}, "`rate` must be a finite number at least 0 and below 1. Received: rate=1.0"),
        ({"rate": -0.1}, "`rate` must be .* Received: rate=-0.1"),
        ({"use_bias": 0}, "`use_bias` must be True or False. Received: use_bias=0"),
        ({"seed": -2}, "`seed` must be a non-negative integer or None. Received: seed=-2"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        FastDropoutDense(**{"units": 2, "rate": 0.5, **arguments})


@pytest.mark.parametrize("activation", [Maxout(2), Probout(2), "glu"])
def test_refuses_activations_with_fewer_outputs(activation):
    with pytest.raises(
        ValueError, match="`activation` must be a function that keeps the number of units. Rec"
    ):
        FastDropoutDense(4, 0.5, activation=activation)


def test_refuses_inputs_without_channels():
    with pytest.raises(ValueError, match="`FastDropoutDense` takes inputs of at least rank 2"):
        FastDropoutDense(2, 0.5).build((3,))
