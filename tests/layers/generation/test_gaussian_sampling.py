"""GaussianSampling against the statistics of its draws, and its gradients against the drawn noise."""

import keras
import numpy as np
import pytest
from scipy import stats

from keras_cnn_zoo.layers import GaussianSampling
from keras_cnn_zoo.utils.autodiff import value_and_gradients


def reference(inputs, weights, **_):
    half = inputs.shape[-1] // 2
    outputs = np.empty((*inputs.shape[:-1], half))
    for place in np.ndindex(outputs.shape):
        outputs[place] = inputs[place]
    return outputs


# The contract requires deterministic inference, so `inference="sample"` has only hand tests.
CASES = [
    dict(
        cls=GaussianSampling,
        init_kwargs={"inference": "mean", "seed": 3},
        input_shape=(3, 8),
        reference=reference,
    ),
    dict(cls=GaussianSampling, init_kwargs={}, input_shape=(2, 3, 4), reference=reference),
]


def numbers(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor), "float64")


def given(mean, log_variance, count=20_000):
    return np.tile(np.concatenate([mean, log_variance]).astype("float32"), (count, 1))


@pytest.mark.parametrize("arguments", [{"training": True}, {}])
def test_draws_have_the_mean_and_the_variance(arguments):
    layer = GaussianSampling(inference="mean" if arguments else "sample", seed=0)
    draws = numbers(layer(given([1.0, -3.0], [0.0, 2.0]), **arguments))
    for place, (mean, deviation) in enumerate([(1.0, 1.0), (-3.0, np.e)]):
        assert stats.kstest((draws[:, place] - mean) / deviation, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(draws.T)[0, 1]) < 0.03


def test_calls_draw_new_noise_and_a_seed_fixes_it():
    inputs = given([0.0], [0.0], 100)
    layer = GaussianSampling(seed=1)
    first, second = numbers(layer(inputs, training=True)), numbers(layer(inputs, training=True))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(numbers(GaussianSampling(seed=1)(inputs, training=True)), first)


def test_the_config_contains_inference():
    layer = GaussianSampling.from_config(GaussianSampling(inference="sample", seed=4).get_config())
    assert (layer.inference, layer.seed) == ("sample", 4)


def test_gradients_treat_the_noise_as_constant():
    layer = GaussianSampling(seed=0)
    inputs = given([1.0], [0.5], 50)
    _, (gradient,), _ = value_and_gradients(lambda x: keras.ops.sum(layer(x, training=True)), [inputs])
    gradient = numbers(gradient)
    draws = numbers(GaussianSampling(seed=0)(inputs, training=True))
    np.testing.assert_array_equal(gradient[:, 0], 1.0)
    np.testing.assert_allclose(gradient[:, 1], (draws[:, 0] - 1.0) / 2, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("log_variance, spread", [(-1e4, 0.0), (1e4, np.exp(30.0))])
def test_extreme_log_variances_stay_finite(log_variance, spread):
    layer = GaussianSampling(seed=0)
    value, (gradient,), _ = value_and_gradients(
        lambda x: keras.ops.sum(layer(x, training=True)), [given([2.0], [log_variance], 1000)]
    )
    assert np.isfinite(float(value)) and np.isfinite(numbers(gradient)).all()
    draws = numbers(layer(given([2.0], [log_variance], 1000), training=True))
    assert draws.std() == pytest.approx(spread, rel=0.1, abs=1e-6)


def test_a_decoder_accepts_the_output_for_a_batch_of_one():
    assert tuple(GaussianSampling()(np.zeros((1, 2)), training=True).shape) == (1, 1)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"inference": "draw"}, "`inference` must be one of 'mean', 'sample'. Received: inference='draw'"),
        ({"seed": -1}, "`seed` must be a non-negative integer or None. Received: seed=-1"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        GaussianSampling(**arguments)


@pytest.mark.parametrize("shape", [(4,), (2, 5), (2, None)])
def test_refuses_inputs_without_mean_and_variance_pairs(shape):
    with pytest.raises(
        ValueError, match="must have a known, even size: means, then log variances. Received: input_shape="
    ):
        GaussianSampling().build(shape)
