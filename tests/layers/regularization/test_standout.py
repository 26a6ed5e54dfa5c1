"""Standout against the paper's formula by loops, dropout, and the frequencies of its draws."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import Standout
from keras_cnn_zoo.testing.draws import fixed_draws
from keras_cnn_zoo.utils.autodiff import value_and_gradients
from tests.helpers import WEIGHT_ARGUMENTS


def sigmoid(value):
    return 1 / (1 + np.exp(-value))


def pre_activation(inputs, weights, units):
    outputs = np.empty((*inputs.shape[:-1], units))
    for place in np.ndindex(outputs.shape):
        total = weights["bias"][place[-1]] if "bias" in weights else 0.0
        for x, w in zip(inputs[place[:-1]], weights["kernel"][:, place[-1]], strict=True):
            total += x * w
        outputs[place] = total
    return outputs


def reference(inputs, weights, units, activation=None, alpha=1.0, beta=0.0, **_):
    z = pre_activation(inputs, weights, units)
    active = {None: z, "relu": np.where(z > 0, z, 0.0), "elu": np.where(z > 0, z, np.expm1(z))}[activation]
    return sigmoid(alpha * z + beta) * active


CASES = [
    dict(
        cls=Standout,
        init_kwargs={
            "units": 4,
            # Keras' tanh computes float64 in float32 on JAX.
            "activation": "elu",
            **WEIGHT_ARGUMENTS,
            "alpha": 0.7,
            "beta": -0.3,
            "seed": 3,
        },
        input_shape=(3, 5),
        reference=reference,
        expected_output_shape=(3, 4),
    ),
    dict(
        cls=Standout,
        init_kwargs={"units": 2, "activation": "relu", "use_bias": False},
        input_shape=(2, 3, 4),
        reference=reference,
    ),
]


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def named_weights(layer):
    return dict(zip(("kernel", "bias"), layer.get_weights(), strict=True))


def example(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize("beta", [-1.0, 0.0, 2.0])
def test_alpha_0_equals_dense_and_unscaled_dropout(beta):
    inputs = example(50, 6)
    layer = Standout(8, activation="elu", alpha=0.0, beta=beta, seed=1)
    layer.build(inputs.shape)
    dense = keras.layers.Dense(8, activation="elu")
    dense.build(inputs.shape)
    dense.set_weights(layer.get_weights())
    keep = float(sigmoid(beta))
    dropout = keras.layers.Dropout(1 - keep, seed=1)
    for training in (False, True):
        with fixed_draws():
            expected = keep * numpy_of(dropout(dense(inputs), training=training))
        with fixed_draws():
            outputs = numpy_of(layer(inputs, training=training))
        np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)
    assert 0 < np.count_nonzero(outputs) < outputs.size


def test_each_unit_has_its_keep_probability():
    layer = Standout(5, alpha=2.0, beta=0.5, seed=1)
    inputs = np.repeat(example(1, 4), 20000, axis=0)
    layer.build(inputs.shape)
    layer.set_weights([example(4, 5), np.linspace(-1, 1, 5, dtype="float32")])
    z = pre_activation(inputs[:1].astype("float64"), named_weights(layer), 5)[0]
    outputs = numpy_of(layer(inputs, training=True))
    np.testing.assert_allclose(
        outputs[outputs != 0], np.broadcast_to(z, outputs.shape)[outputs != 0], rtol=1e-4
    )
    keep = sigmoid(2 * z + 0.5)
    share = (outputs != 0).mean(axis=0)
    assert np.all(np.abs(share - keep) < 4 * np.sqrt(keep * (1 - keep) / 20000))
    np.testing.assert_allclose(numpy_of(layer(inputs[:1]))[0], keep * z, rtol=1e-4)


def test_the_mean_of_many_draws_is_the_inference_output():
    layer = Standout(4, activation="relu", seed=2)
    inputs = example(1, 6)
    layer.build(inputs.shape)
    draws = numpy_of(layer(np.repeat(inputs, 10000, axis=0), training=True)).astype("float64")
    error = np.abs(draws.mean(axis=0) - numpy_of(layer(inputs))[0])
    assert np.all(error <= 4 * draws.std(axis=0) / 100 + 1e-6)


def test_gradients_in_training_treat_the_mask_as_constant():
    layer = Standout(1, alpha=3.0, use_bias=False)
    layer.build((None, 1))
    layer.set_weights([np.array([[1.0]], "float32")])

    def gradient(training):
        with fixed_draws():
            _, _, (of_kernel,) = value_and_gradients(
                lambda: keras.ops.sum(layer(np.full((64, 1), 0.5, "float32"), training=training)),
                variables=layer.trainable_variables,
            )
        return float(numpy_of(of_kernel)[0, 0])

    with fixed_draws():
        kept = np.count_nonzero(numpy_of(layer(np.full((64, 1), 0.5, "float32"), training=True)))
    assert gradient(True) == pytest.approx(0.5 * kept)
    keep = sigmoid(1.5)
    assert gradient(False) == pytest.approx(64 * 0.5 * (keep + 0.5 * 3 * keep * (1 - keep)), rel=1e-5)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e30])
def test_zero_tiny_and_huge_inputs_are_finite(training, scale):
    layer, inputs = Standout(3, seed=0), scale * np.ones((1, 4), "float32")
    layer.build(inputs.shape)
    _, (gradient,), _ = value_and_gradients(lambda x: keras.ops.sum(layer(x, training=training)), [inputs])
    assert (
        np.isfinite(numpy_of(layer(inputs, training=training))).all()
        and np.isfinite(numpy_of(gradient)).all()
    )


def test_units_with_certain_probabilities_are_always_kept_or_dropped():
    inputs = np.ones((500, 2), "float32")
    for beta, share in ((200.0, 1.0), (-200.0, 0.0)):
        layer = Standout(2, kernel_initializer="ones", alpha=0.0, beta=beta, seed=1)
        assert np.mean(numpy_of(layer(inputs, training=True)) != 0) == share


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"units": -1}, "`units` must be a positive integer. Received: units=-1"),
        ({"alpha": None}, "`alpha` must be a finite number. Received: alpha=None"),
        ({"beta": float("nan")}, "`beta` must be a finite number. Received: beta=nan"),
        ({"use_bias": "no"}, "`use_bias` must be True or False"),
        ({"seed": 0.5}, "`seed` must be a non-negative integer or None. Received: seed=0.5"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        Standout(**{"units": 2, **arguments})


def test_refuses_inputs_without_channels():
    with pytest.raises(ValueError, match="`Standout` takes inputs of at least rank 2"):
        Standout(2).build((3,))
