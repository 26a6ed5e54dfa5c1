"""StochasticDepth: the scope and frequency of drops; their mean is the inference output."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import StochasticDepth


def reference(inputs, weights, rate, scale_at="training", **_):
    outputs = np.empty_like(inputs)
    for place in np.ndindex(inputs.shape):
        outputs[place] = (1 - rate) * inputs[place] if scale_at == "inference" else inputs[place]
    return outputs


CASES = [
    dict(
        cls=StochasticDepth,
        init_kwargs={"rate": 0.3, "per": "example", "scale_at": "training", "seed": 3},
        input_shape=(4, 3, 5, 2),
        reference=reference,
    ),
    dict(cls=StochasticDepth, init_kwargs={"rate": 0.4}, input_shape=(3, 4), reference=reference),
    dict(
        cls=StochasticDepth,
        # A seed whose first two draws, one per call, differ.
        init_kwargs={"rate": 0.5, "per": "batch", "scale_at": "inference", "seed": 1},
        input_shape=(3, 4, 2),
        reference=reference,
    ),
]


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("scale_at, kept", [("training", 4 / 3), ("inference", 1.0)])
def test_examples_are_dropped_whole_at_the_rate(scale_at, kept):
    layer = StochasticDepth(0.25, scale_at=scale_at, seed=1)
    outputs = numpy_of(layer(np.ones((20000, 2, 3), "float32"), training=True)).reshape(20000, 6)
    assert np.ptp(outputs, axis=1).max() == 0
    np.testing.assert_allclose(np.unique(outputs), [0, kept], rtol=1e-6)
    assert np.mean(outputs[:, 0] == 0) == pytest.approx(0.25, abs=4 * np.sqrt(0.1875 / 20000))


@pytest.mark.parametrize("scale_at, kept", [("training", 2.0), ("inference", 1.0)])
def test_batches_are_dropped_whole_at_the_rate(scale_at, kept):
    layer = StochasticDepth(0.5, per="batch", scale_at=scale_at, seed=1)
    inputs = np.ones((3, 2), "float32")
    outputs = np.stack([numpy_of(layer(inputs, training=True)) for _ in range(100)]).reshape(100, 6)
    assert np.ptp(outputs, axis=1).max() == 0 and set(np.unique(outputs)) == {0, kept}
    assert np.mean(outputs[:, 0] == 0) == pytest.approx(0.5, abs=4 * np.sqrt(0.25 / 100))


@pytest.mark.parametrize("scale_at", ["training", "inference"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_the_mean_of_many_draws_is_the_inference_output(scale_at, dtype):
    # A rate that bfloat16 draws, with 128 values in [0, 1), would miss.
    layer = StochasticDepth(0.0625 + 1 / 512, scale_at=scale_at, seed=1, dtype=dtype)
    inputs = np.ones((200000, 1), "float32")
    draws = numpy_of(keras.ops.cast(layer(inputs, training=True), "float32")).astype("float64")
    inference = numpy_of(keras.ops.cast(layer(inputs[:1]), "float32"))[0, 0]
    # The output is rounded once to its dtype.
    rounding = {"float32": 2**-22, "bfloat16": 2**-8, "float16": 2**-11}[dtype]
    share = np.mean(draws != 0)
    assert share == pytest.approx(1 - layer.rate, abs=4 * np.sqrt(0.0605 / 200000))
    assert draws.mean() == pytest.approx(inference, abs=4 * draws.std() / np.sqrt(200000) + rounding)


def test_draws_equal_dropout_with_one_number_per_example():
    inputs = np.random.default_rng(0).normal(size=(32, 3, 3, 2)).astype("float32")
    dropout = keras.layers.Dropout(0.3, noise_shape=(None, 1, 1, 1), seed=7)
    layer = StochasticDepth(0.3, seed=7)
    for _ in range(2):
        expected = numpy_of(dropout(inputs, training=True))
        np.testing.assert_allclose(numpy_of(layer(inputs, training=True)), expected, rtol=1e-6)


@pytest.mark.parametrize("scale_at", ["training", "inference"])
@pytest.mark.parametrize("training", [False, True])
def test_a_rate_of_zero_is_the_identity(scale_at, training):
    inputs = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
    layer = StochasticDepth(0.0, scale_at=scale_at)
    np.testing.assert_array_equal(numpy_of(layer(inputs, training=training)), inputs)


@pytest.mark.parametrize("per", ["example", "batch"])
@pytest.mark.parametrize("shape", [(1,), (5,), (1, 4), (0, 3), (2, 1, 1, 1, 1)])
def test_any_rank_and_batch_size_is_accepted(per, shape):
    layer = StochasticDepth(0.5, per=per)
    assert layer(np.ones(shape, "float32"), training=True).shape == shape == layer.compute_output_shape(shape)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"rate": 1.0}, "`rate` must be a finite number at least 0 and below 1. Received: rate=1.0"),
        ({"rate": None}, "`rate` must be .* Received: rate=None"),
        ({"per": "channel"}, "`per` must be one of 'example', 'batch'. Received: per='channel'"),
        (
            {"scale_at": "test"},
            "`scale_at` must be one of 'training', 'inference'. Received: scale_at='test'",
        ),
        ({"seed": 0.5}, "`seed` must be an integer or None. Received: seed=0.5"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        StochasticDepth(**{"rate": 0.5, **arguments})


def test_the_factor_is_exact_in_float64():
    layer = StochasticDepth(0.3, seed=1, dtype="float64")
    outputs = keras.ops.convert_to_numpy(layer(np.ones((50, 1)), training=True))
    assert sorted(set(outputs.ravel().tolist())) == [0.0, 1 / 0.7]
