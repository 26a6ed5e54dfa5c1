"""DropConnect against its formula, sampled masks, and the layers that it wraps."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import DropConnect, Maxout, Probout, RReLU


def expected_relu(mean, variance):
    """Returns the mean of max(u, 0) for a Gaussian u, by Gauss-Legendre quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(400)
    outputs = np.empty_like(mean)
    for place in np.ndindex(mean.shape):
        centre, deviation = mean[place], np.sqrt(variance[place])
        low, high = max(0.0, centre - 12 * deviation), max(0.0, centre + 12 * deviation)
        u = (high - low) / 2 * nodes + (high + low) / 2
        density = np.exp(-(((u - centre) / deviation) ** 2) / 2) / (deviation * np.sqrt(2 * np.pi))
        outputs[place] = (high - low) / 2 * np.sum(weights * u * density)
    return outputs


def expected_sigmoid(mean, variance):
    """Returns the mean of the logistic function of a Gaussian, by the trapezoid rule."""
    z = np.linspace(-12, 12, 4001)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    u = mean[..., None] + np.sqrt(variance)[..., None] * z
    return np.sum(density / (1 + np.exp(-u)), axis=-1) * (z[1] - z[0])


def dense(inputs, kernel, bias):
    outputs = np.zeros((*inputs.shape[:-1], kernel.shape[1]))
    for place in np.ndindex(outputs.shape):
        outputs[place] = bias[place[-1]] + sum(
            inputs[place[:-1]][i] * kernel[i, place[-1]] for i in range(kernel.shape[0])
        )
    return outputs


def strided(inputs, kernel, bias):
    """Returns a valid 2 x 2 convolution with strides 2, channels last."""
    batch, height, width, channels = inputs.shape
    outputs = np.zeros((batch, height // 2, width // 2, kernel.shape[-1]))
    for n, y, x, f in np.ndindex(outputs.shape):
        outputs[n, y, x, f] = bias[f]
        for i, j, c in np.ndindex(2, 2, channels):
            outputs[n, y, x, f] += inputs[n, 2 * y + i, 2 * x + j, c] * kernel[i, j, c, f]
    return outputs


def reference_of(affine, activation, expected_activation):
    def reference(inputs, weights, layer, rate, inference="mean", **_):
        kernel, bias = weights["inner/kernel"], weights["inner/bias"]
        mean = (1 - rate) * affine(inputs, kernel, bias)
        if inference == "mean":
            return activation(mean)
        variance = rate * (1 - rate) * affine(inputs**2, kernel**2, bias**2)
        return expected_activation(mean, variance)

    return reference


def relu(values):
    return np.where(values > 0, values, 0.0)


CASES = [
    dict(
        cls=DropConnect,
        init_kwargs={
            "layer": keras.layers.Conv2D(
                3, 2, strides=2, activation="relu", data_format="channels_last", name="inner"
            ),
            "rate": 0.3,
            "per_example": True,
            "inference": "moment_matching",
            "seed": 5,
        },
        input_shape=(2, 4, 6, 2),
        reference=reference_of(strided, relu, expected_relu),
    ),
    dict(
        cls=DropConnect,
        init_kwargs={"layer": keras.layers.Dense(3, activation="relu", name="inner"), "rate": 0.4},
        input_shape=(2, 5),
        reference=reference_of(dense, relu, expected_relu),
    ),
    dict(
        cls=DropConnect,
        init_kwargs={
            "layer": keras.layers.Dense(3, activation="sigmoid", name="inner"),
            "rate": 0.25,
            "inference": "moment_matching",
        },
        input_shape=(2, 4, 5),
        reference=reference_of(dense, None, expected_sigmoid),
    ),
]

CONVOLUTIONS = [
    (lambda: keras.layers.Conv1D(4, 3, padding="causal", dilation_rate=2, activation="relu"), (2, 9, 3)),
    (lambda: keras.layers.Conv1D(4, 3, padding="causal", data_format="channels_first"), (2, 3, 9)),
    (lambda: keras.layers.Conv2D(4, (3, 2), strides=2, padding="same", activation="tanh"), (2, 7, 6, 3)),
    (lambda: keras.layers.Conv2D(4, 3, groups=2, use_bias=False), (2, 7, 6, 6)),
    (lambda: keras.layers.Conv2D(4, 3, padding="same", data_format="channels_first"), (2, 3, 6, 5)),
    (lambda: keras.layers.Conv3D(2, 2, padding="same"), (2, 3, 4, 3, 2)),
    (lambda: keras.layers.Dense(4, activation="gelu"), (2, 3)),
    (lambda: keras.layers.Dense(4, use_bias=False), (2, 3, 2, 5)),
]


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def example(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("make, shape", CONVOLUTIONS)
def test_a_rate_of_zero_equals_the_layer(make, shape):
    inner, inputs = make(), example(shape)
    for inference in ("mean", "moment_matching"):
        layer = DropConnect(inner, 0.0, inference=inference)
        expected = numpy_of(inner(inputs))
        for training in (False, True):
            outputs = layer(inputs, training=training)
            np.testing.assert_allclose(numpy_of(outputs), expected, rtol=1e-5, atol=1e-6)
        assert layer.compute_output_shape((None, *shape[1:])) == (None, *expected.shape[1:])


@pytest.mark.parametrize("make, shape", CONVOLUTIONS)
def test_masks_per_example_equal_the_layer_with_masked_weights(make, shape, monkeypatch):
    inner, inputs = make(), example(shape)
    layer = DropConnect(inner, 0.4, per_example=True)
    layer(inputs)
    inner.set_weights([example(weight.shape, seed=2) for weight in inner.weights])
    draws = []

    def recorded(size, **_):
        draws.append(np.random.default_rng(len(draws)).random(size).astype("float32"))
        return keras.ops.convert_to_tensor(draws[-1])

    monkeypatch.setattr(keras.random, "uniform", recorded)
    outputs = numpy_of(layer(inputs, training=True))
    assert [draw.shape for draw in draws] == [(2, *weight.shape) for weight in inner.weights]
    twin = make()
    twin.build(shape)
    for number in range(2):
        masked = [
            np.where(draw[number] >= 0.4, weight, 0)
            for draw, weight in zip(draws, inner.get_weights(), strict=True)
        ]
        twin.set_weights(masked)
        expected = numpy_of(twin(inputs[number : number + 1]))
        np.testing.assert_allclose(outputs[number : number + 1], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("per_example", [False, True])
def test_per_example_decides_whether_the_batch_shares_masks(per_example):
    layer = DropConnect(keras.layers.Dense(6), 0.5, per_example=per_example, seed=1)
    outputs = numpy_of(layer(np.ones((4, 8), "float32"), training=True))
    assert len(np.unique(outputs[:, 0])) == (4 if per_example else 1)


def test_the_fraction_of_dropped_weights_and_biases_is_the_rate():
    layer = DropConnect(
        keras.layers.Dense(400, bias_initializer="ones", kernel_initializer="zeros"), 0.3, seed=1
    )
    dropped = 1 - numpy_of(layer(np.zeros((1, 2)), training=True)).mean()
    assert dropped == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / 400))
    inner = keras.layers.Dense(300, use_bias=False, kernel_initializer="ones")
    kept = numpy_of(DropConnect(inner, 0.3, seed=1)(np.ones((1, 300)), training=True)).mean() / 300
    assert kept == pytest.approx(0.7, abs=4 * np.sqrt(0.21 / 9e4))


def sampled(layer, inputs, count=10_000):
    """Returns the outputs of one example under `count` masks, as a batch with separate masks."""
    return numpy_of(layer(np.repeat(inputs, count, axis=0), training=True)).astype("float64")


def test_mean_inference_of_a_linear_layer_is_the_average_of_10000_masks():
    layer = DropConnect(keras.layers.Dense(5, bias_initializer="ones"), 0.4, per_example=True, seed=1)
    inputs = example((1, 30))
    samples = sampled(layer, inputs)
    error = (samples.mean(axis=0) - numpy_of(layer(inputs))[0]) / (samples.std(axis=0) / 100)
    assert np.abs(error).max() < 4


@pytest.mark.parametrize("activation", ["relu", "tanh", "softplus"])
def test_moment_matching_is_the_average_of_10000_masks_but_the_mean_is_not(activation):
    inner = keras.layers.Dense(8, activation=activation)
    layer = DropConnect(inner, 0.5, per_example=True, inference="moment_matching", seed=1)
    inputs = example((1, 100))
    layer.build(inputs.shape)
    inner.set_weights([example((100, 8), seed=1) / 3, example((8,), seed=2)])
    samples = sampled(layer, inputs)
    average, noise = samples.mean(axis=0), samples.std(axis=0) / 100
    plain = numpy_of(DropConnect(inner, 0.5)(inputs))[0]
    # The rest, besides noise, is the difference between a sum of 100 Bernoulli terms and a Gaussian.
    error = np.abs(numpy_of(layer(inputs))[0] - average)
    assert np.all(error < 4 * noise + 0.01 * samples.std())
    assert np.abs(plain - average).max() > 4 * error.max()


def test_moment_matching_of_a_convolution_is_the_average_of_sampled_masks():
    inner = keras.layers.Conv2D(3, 3, padding="same", activation="relu")
    layer = DropConnect(inner, 0.3, per_example=True, inference="moment_matching", seed=1)
    inputs = 2 * example((1, 4, 4, 8))
    samples = sampled(layer, inputs, 2_000)
    noise = samples.std(axis=0) / np.sqrt(2_000)
    difference = np.abs(numpy_of(layer(inputs))[0] - samples.mean(axis=0))
    assert np.all(difference < 4.5 * noise + 0.02 * samples.std())


def test_moment_matching_of_zero_input_without_bias_is_the_activation_of_zero():
    inner = keras.layers.Dense(3, use_bias=False, activation="sigmoid")
    outputs = DropConnect(inner, 0.5, inference="moment_matching")(np.zeros((2, 4)))
    assert numpy_of(outputs).tolist() == [[0.5] * 3] * 2


def test_weights_and_losses_match_the_layer():
    inner = keras.layers.Dense(3, kernel_regularizer="l2", activity_regularizer=keras.regularizers.L1(0.5))
    inner.build((None, 4))
    before = inner.get_weights()
    layer = DropConnect(inner, 0.5)
    outputs = numpy_of(layer(np.ones((2, 4), "float32")))
    np.testing.assert_array_equal(layer.get_weights()[0], before[0])
    expected = {0.01 * np.sum(before[0] ** 2), 0.5 * np.sum(np.abs(outputs))}
    np.testing.assert_allclose(
        sorted(float(numpy_of(loss)) for loss in layer.losses), sorted(expected), rtol=1e-5
    )


def test_the_wrapper_and_layer_have_one_dtype():
    assert DropConnect(keras.layers.Dense(2, dtype="float64"), 0.5).dtype_policy.name == "float64"
    layer = DropConnect(keras.layers.Dense(2), 0.5, dtype="mixed_float16")
    layer.build((None, 3))
    assert layer.layer.compute_dtype == "float16" and layer.layer.kernel.dtype == "float32"


def test_from_config_does_not_change_the_config():
    config = DropConnect(keras.layers.Dense(2), 0.5).get_config()
    first, second = DropConnect.from_config(config), DropConnect.from_config(config)
    assert first.layer.units == second.layer.units == 2


class Doubled(keras.layers.Dense):
    """Dense layer with another computation."""

    def call(self, inputs):
        return 2 * super().call(inputs)


@pytest.mark.parametrize(
    "layer", [keras.layers.DepthwiseConv2D(3), keras.layers.BatchNormalization(), Doubled(3), "dense", None]
)
def test_refuses_other_layers(layer):
    message = (
        "`layer` must be a Dense, Conv1D, Conv2D, or Conv3D layer in floating point or quantized to int8. "
        "Received: layer="
    )
    with pytest.raises(ValueError, match=message):
        DropConnect(layer, 0.5)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"rate": 1.0}, "`rate` must be a finite number at least 0 and below 1. Received: rate=1.0"),
        ({"rate": -0.1}, "`rate` must be .* Received: rate=-0.1"),
        ({"per_example": 1}, "`per_example` must be True or False. Received: per_example=1"),
        (
            {"inference": "sample"},
            "`inference` must be one of 'mean', 'moment_matching'. Received: inference='sample'",
        ),
        ({"seed": 0.5}, "seed=0.5"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        DropConnect(keras.layers.Dense(2), **{"rate": 0.5, **arguments})


@pytest.mark.parametrize(
    "activation, name",
    [
        ("softmax", "softmax"),
        (keras.layers.Softmax(), "softmax"),
        ("glu", "glu"),
        (Maxout(2), "Maxout"),
        (Probout(2), "Probout"),
    ],
)
def test_refuses_moment_matching_of_joint_activations(activation, name):
    message = f"`inference` must be 'mean' for a layer with the joint activation '{name}'. Received"
    with pytest.raises(ValueError, match=message):
        DropConnect(keras.layers.Dense(2, activation=activation), 0.5, inference="moment_matching")


def test_moment_matching_of_rrelu_is_that_of_its_slope_at_inference():
    inputs = example((3, 6))
    outputs = []
    for activation in (RReLU(0.2, 0.4), keras.layers.LeakyReLU(0.3)):
        inner = keras.layers.Dense(
            4, activation=activation, kernel_initializer=keras.initializers.HeNormal(1)
        )
        outputs.append(numpy_of(DropConnect(inner, 0.5, inference="moment_matching")(inputs)))
    np.testing.assert_allclose(*outputs, rtol=1e-5, atol=1e-6)


def test_the_average_of_masks_under_a_leaky_relu_and_a_relu6():
    # Gauss-Hermite quadrature across the kinks was 5 % and 2 % off.
    for activation in ("leaky_relu", "relu6"):
        inner = keras.layers.Dense(8, activation=activation)
        layer = DropConnect(inner, 0.5, per_example=True, inference="moment_matching", seed=1)
        inputs = example((1, 100))
        layer.build(inputs.shape)
        inner.set_weights([example((100, 8), seed=1) / 3, example((8,), seed=2)])
        samples = sampled(layer, inputs)
        noise = samples.std(axis=0) / 100
        error = np.abs(numpy_of(layer(inputs))[0] - samples.mean(axis=0))
        assert np.all(error < 4 * noise + 0.01 * samples.std())


@pytest.mark.parametrize(
    "layer, shape",
    [
        (keras.layers.Dense(2), (3,)),
        (keras.layers.Conv2D(2, 3), (2, 8, 3)),
        (keras.layers.Conv1D(2, 3), (2, 8, 8, 3)),
    ],
)
def test_refuses_inputs_of_the_wrong_rank(layer, shape):
    with pytest.raises(ValueError, match="wrong rank for `layer`, a .* Received: input_shape="):
        DropConnect(layer, 0.5).build(shape)
