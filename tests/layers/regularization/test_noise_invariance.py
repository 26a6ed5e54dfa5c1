"""NoiseInvariance: the penalty against its expectation; nothing else changes."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import NoiseInvariance


def reference(inputs, weights, layer, **_):
    """Returns a convolution with windows of 2, channels last, then the logistic function."""
    kernel = weights["inner/kernel"]
    outputs = np.zeros((inputs.shape[0], inputs.shape[1] - 1, kernel.shape[2]))
    for n, t, o, i, c in np.ndindex(*outputs.shape, 2, inputs.shape[2]):
        outputs[n, t, o] += inputs[n, t + i, c] * kernel[i, c, o]
    return 1 / (1 + np.exp(-outputs - weights["inner/bias"]))


CASES = [
    dict(
        cls=NoiseInvariance,
        init_kwargs={
            "layer": keras.layers.Conv1D(
                3, 2, activation="sigmoid", data_format="channels_last", name="inner"
            ),
            "stddev": 0.3,
            "factor": 2.0,
            "seed": 4,
        },
        input_shape=(2, 5, 2),
        reference=reference,
    )
]


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def penalty(layer, inputs):
    layer(inputs, training=True)
    (loss,) = layer.losses
    return float(numpy_of(loss))


def test_for_a_linear_layer_it_is_the_squared_norm_of_the_kernel():
    # E mean((n W)^2) = stddev^2 ||W||_F^2 / units, whatever the inputs.
    inner = keras.layers.Dense(5)
    layer = NoiseInvariance(inner, stddev=0.7, factor=3.0, seed=1)
    found = penalty(layer, 100 * noise(20_000, 8))
    kernel = numpy_of(inner.kernel).astype("float64")
    assert found == pytest.approx(3 * 0.49 * (kernel**2).sum() / 5, rel=0.02)


def test_for_small_noise_it_is_the_tikhonov_penalty_of_the_jacobian():
    inputs = noise(1, 4)
    inner = keras.layers.Dense(3, activation="tanh")
    layer = NoiseInvariance(inner, stddev=1e-2, factor=1.0, seed=1)
    many = np.repeat(inputs, 20_000, axis=0)
    found = penalty(layer, many)
    kernel, bias = (weight.astype("float64") for weight in inner.get_weights())
    jacobian = kernel * (1 - np.tanh(inputs @ kernel + bias) ** 2)
    assert found == pytest.approx(1e-4 * (jacobian**2).sum() / 3, rel=0.03)


def test_the_penalty_matches_the_formula_for_the_drawn_noise(monkeypatch):
    drawn = noise(2, 6, 5, 3, seed=3)
    monkeypatch.setattr(keras.random, "normal", lambda *_, **__: keras.ops.convert_to_tensor(drawn))
    inner = keras.layers.Conv2D(4, 3, activation="relu")
    layer = NoiseInvariance(inner, stddev=0.5, factor=2.0)
    inputs = noise(2, 6, 5, 3)
    found = penalty(layer, inputs)
    change = numpy_of(inner(inputs + 0.5 * drawn)) - numpy_of(inner(inputs))
    assert found == pytest.approx(2 * np.mean(change**2), rel=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_the_output_equals_the_layers_output(training):
    inner, inputs = keras.layers.Dense(3, activation="relu"), noise(4, 5)
    layer = NoiseInvariance(inner, 0.5, 1.0)
    np.testing.assert_array_equal(numpy_of(layer(inputs, training=training)), numpy_of(inner(inputs)))
    assert len(layer.losses) == training


@pytest.mark.parametrize("stddev, factor", [(0.0, 1.0), (1.0, 0.0)])
def test_without_noise_or_weight_there_is_no_penalty(stddev, factor):
    layer = NoiseInvariance(keras.layers.Dense(3), stddev, factor)
    layer(noise(2, 4), training=True)
    assert layer.losses == []


def test_both_passes_drop_the_same_units():
    # With separate masks, the passes would differ by far more than the noise.
    inner = keras.Sequential([keras.layers.Dropout(0.5, seed=2), keras.layers.Dense(3)])
    layer = NoiseInvariance(inner, stddev=1e-4, factor=1.0)
    found = penalty(layer, 10 + noise(50, 6))
    assert 0 < found < 1e-6


def test_the_noisy_pass_changes_no_state_and_adds_no_losses():
    inner = keras.Sequential(
        [
            keras.layers.BatchNormalization(momentum=0.0),
            keras.layers.Dense(2, activity_regularizer=keras.regularizers.L2(0.1)),
        ]
    )
    layer = NoiseInvariance(inner, stddev=5.0, factor=1.0)
    inputs = noise(200, 3)
    layer(inputs, training=True)
    moving = numpy_of(inner.layers[0].moving_variance)
    np.testing.assert_allclose(moving, inputs.var(axis=0), rtol=1e-3)
    assert len(layer.losses) == 2


def test_training_reduces_the_penalty():
    def sharpness(factor):
        keras.utils.set_random_seed(0)
        inner = keras.Sequential([keras.layers.Dense(16, activation="tanh"), keras.layers.Dense(1)])
        model = keras.Sequential([NoiseInvariance(inner, 0.5, factor, seed=1)])
        model.compile(keras.optimizers.Adam(0.02), "mse")
        model.fit(inputs, targets, epochs=40, batch_size=64, verbose=0)
        moved = inputs + 0.5 * noise(*inputs.shape, seed=5)
        return np.mean((numpy_of(model(moved)) - numpy_of(model(inputs))) ** 2)

    inputs = noise(64, 4)
    targets = np.sin(3 * inputs[:, :1])
    assert sharpness(3.0) < sharpness(0.0) / 2


def test_the_seed_repeats_the_noise():
    inner, inputs = keras.layers.Dense(3), noise(4, 5)
    first, second, other = (
        penalty(NoiseInvariance(inner, 1.0, 1.0, seed=seed), inputs) for seed in (1, 1, 2)
    )
    assert first == second != other


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"layer": "dense"}, "`layer` must be a keras.Layer. Received: layer='dense'"),
        ({"stddev": -1}, "`stddev` must be a finite number at least 0. Received: stddev=-1"),
        ({"factor": np.inf}, "`factor` must be a finite number at least 0. Received: factor=inf"),
        ({"seed": 0.5}, "`seed` must be a non-negative integer or None. Received: seed=0.5"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        NoiseInvariance(**{"layer": keras.layers.Dense(2), "stddev": 0.1, "factor": 1.0, **arguments})
