"""StochasticPooling: inference against the formula by loops, draws against their statistics."""

import keras
import numpy as np
import pytest
from scipy import stats

from keras_cnn_zoo.layers import StochasticPooling1D, StochasticPooling2D, StochasticPooling3D
from keras_cnn_zoo.utils.autodiff import value_and_gradients
from tests.helpers import fix_draws
from tests.layers.pooling.oracles import pooled


def reference(inputs, weights, seed=None, **windows):
    def expectation(window):
        positive = [max(entry, 0.0) for entry in window]
        total = sum(positive)
        return sum(entry / total * entry for entry in positive) if total > 0 else 0.0

    return pooled(inputs, expectation, **windows)


CASES = [
    dict(
        cls=StochasticPooling1D,
        init_kwargs={
            "pool_size": 3,
            "strides": 2,
            "padding": "same",
            "data_format": "channels_last",
            "seed": 3,
        },
        input_shape=(2, 9, 3),
        reference=reference,
        selects_value="draw",
    ),
    dict(
        cls=StochasticPooling2D,
        init_kwargs={
            "pool_size": (3, 2),
            "strides": (2, 3),
            "padding": "same",
            "data_format": "channels_last",
            "seed": 3,
        },
        input_shape=(2, 8, 7, 3),
        reference=reference,
        selects_value="draw",
    ),
    dict(
        cls=StochasticPooling3D,
        init_kwargs={
            "pool_size": (2, 3, 2),
            "strides": (1, 2, 2),
            "padding": "same",
            "data_format": "channels_last",
            "seed": 3,
        },
        input_shape=(2, 4, 6, 5, 2),
        reference=reference,
        selects_value="draw",
    ),
    dict(
        cls=StochasticPooling1D,
        init_kwargs={},
        input_shape=(2, 7, 3),
        reference=reference,
        selects_value="draw",
    ),
    dict(
        cls=StochasticPooling2D,
        init_kwargs={},
        input_shape=(2, 6, 7, 3),
        reference=reference,
        selects_value="draw",
    ),
    dict(
        cls=StochasticPooling3D,
        init_kwargs={},
        input_shape=(1, 5, 4, 6, 2),
        reference=reference,
        selects_value="draw",
    ),
]

WINDOW = np.array([[0.5, 2.0], [0.0, 1.5]])


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def tiled(window, rows, columns):
    return np.tile(np.asarray(window, "float32"), (rows, columns))[None, ..., None]


def test_frequencies_are_proportional_to_the_entries():
    draws = numpy_of(StochasticPooling2D(2, seed=0)(tiled(WINDOW, 100, 200), training=True)).ravel()
    counts = [(draws == value).sum() for value in (0.5, 2.0, 1.5)]
    assert sum(counts) == draws.size == 20000
    expected = np.array([0.5, 2.0, 1.5]) / 4 * draws.size
    assert stats.chisquare(counts, expected).pvalue > 1e-3


def test_overlapping_windows_have_proportional_frequencies():
    # Every window contains each of the nine entries once.
    inputs = tiled(np.arange(9).reshape(3, 3), 60, 60)
    draws = numpy_of(StochasticPooling2D(3, 1, seed=1)(inputs, training=True)).ravel()
    counts = np.bincount(draws.astype(int), minlength=9)
    assert counts[0] == 0
    assert stats.chisquare(counts[1:], np.arange(1, 9) / 36 * draws.size).pvalue > 1e-3


def test_overlapping_windows_draw_independently():
    inputs = tiled([[1.0, 2.0]], 1, 20000).reshape(1, -1, 1)
    draws = numpy_of(StochasticPooling1D(2, 1, seed=2)(inputs, training=True)).ravel()
    assert abs(np.corrcoef(draws[:-1], draws[1:])[0, 1]) < 0.03


@pytest.mark.parametrize("strides", [2, 1])
def test_the_mean_of_many_draws_is_the_inference_output(strides):
    inputs = np.random.default_rng(0).normal(size=(1, 4, 4, 2)).astype("float32")
    layer = StochasticPooling2D(2, strides, seed=0)
    many = numpy_of(layer(np.repeat(inputs, 4000, axis=0), training=True)).astype("float64")
    error = np.abs(many.mean(axis=0) - numpy_of(layer(inputs))[0])
    assert (error <= 5 * many.std(axis=0) / 4000**0.5 + 1e-6).all()


@pytest.mark.parametrize("strides", [2, 1])
@pytest.mark.parametrize(
    "draw, expected", [(0.0, 0.5), (0.1, 0.5), (0.15, 2.0), (0.6, 2.0), (0.65, 1.5), (0.999, 1.5)]
)
def test_the_entry_is_found_by_the_cumulative_weight(monkeypatch, draw, expected, strides):
    # Cumulative weights 0.125, 0.625, 0.625, 1.
    fix_draws(monkeypatch, draw)
    layer = StochasticPooling2D(2, strides)
    inputs = tiled(WINDOW, 1, 1)
    assert float(layer(inputs, training=True)[0, 0, 0, 0]) == expected
    _, (gradient,), _ = value_and_gradients(lambda x: keras.ops.sum(layer(x, training=True)), [inputs])
    np.testing.assert_array_equal(numpy_of(gradient), inputs == expected)


@pytest.mark.parametrize("strides", [2, 1])
@pytest.mark.parametrize("draw", [0.0, 0.5, 1 - 2**-24])
@pytest.mark.parametrize("window", [[-1.0, 3.0], [3.0, -1.0], [0.0, 3.0], [3.0, 0.0]])
def test_an_entry_without_weight_is_never_drawn(monkeypatch, window, draw, strides):
    fix_draws(monkeypatch, draw)
    outputs = StochasticPooling1D(2, strides)(np.array(window, "float32").reshape(1, 2, 1), training=True)
    assert float(outputs[0, 0, 0]) == 3.0


def test_a_window_of_one_entry_equals_relu():
    inputs = np.array([[[-2.0], [3.0]]], "float32")
    outputs = StochasticPooling1D(1)(inputs, training=True)
    np.testing.assert_array_equal(numpy_of(outputs), [[[0.0], [3.0]]])


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("strides", [2, 1])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_windows_without_a_positive_entry_give_zero_and_no_gradient(training, strides, dtype):
    inputs = -np.abs(np.random.default_rng(0).normal(size=(1, 4, 4, 1))).astype(dtype)
    inputs[0, :2] = 0
    layer = StochasticPooling2D(2, strides, dtype=dtype)
    assert not numpy_of(keras.ops.cast(layer(inputs, training=training), "float32")).any()
    _, (gradient,), _ = value_and_gradients(lambda x: keras.ops.sum(layer(x, training=training)), [inputs])
    assert not numpy_of(keras.ops.cast(gradient, "float32")).any()


@pytest.mark.parametrize(
    "cls, shape, data_format",
    [
        (StochasticPooling1D, (2, 7, 3), "channels_last"),
        (StochasticPooling2D, (2, 5, 7, 3), "channels_last"),
        (StochasticPooling2D, (2, 3, 4, 6), "channels_first"),
        (StochasticPooling3D, (1, 5, 4, 7, 2), "channels_last"),
    ],
)
def test_the_gradient_flows_to_the_drawn_entry_even_if_it_is_infinite(cls, shape, data_format):
    # Entries of a window differ, and every window has a positive one.
    inputs = np.random.default_rng(0).permutation(np.prod(shape)).reshape(shape).astype("float32") + 1

    def pooled_once(x):
        return cls(2, data_format=data_format, seed=0)(x, training=True)

    outputs = numpy_of(pooled_once(inputs))
    drawn = np.isin(inputs, outputs)
    assert drawn.sum() == outputs.size
    _, (gradient,), _ = value_and_gradients(
        lambda x: keras.ops.sum(pooled_once(x) * np.float32("inf")), [inputs]
    )
    np.testing.assert_array_equal(numpy_of(gradient), np.where(drawn, np.inf, 0.0))


def test_draws_are_exact_in_float16():
    values = np.array([[60000.0, 0.0, 40000.0, 6e-8]], "float16")
    inputs = np.tile(values, (4000, 1))[..., None]
    draws = numpy_of(StochasticPooling1D(4, seed=0, dtype="float16")(inputs, training=True)).ravel()
    assert set(np.unique(draws)) == {np.float16(40000), np.float16(60000)}
    assert abs((draws == 60000).mean() - 0.6) < 0.04


@pytest.mark.parametrize("strides", [2, 1])
@pytest.mark.parametrize("scale", [1e-35, 1e-22, 1e22, 1e37])
def test_inference_is_proportional_to_its_input_over_the_whole_range(strides, scale):
    inputs = np.random.default_rng(0).normal(size=(1, 4, 6, 2))
    expected = reference(inputs, {}, pool_size=2, strides=strides) * scale
    outputs = numpy_of(StochasticPooling2D(2, strides)((inputs * scale).astype("float32")))
    np.testing.assert_allclose(outputs, expected, rtol=1e-5)


def test_a_constant_window_gives_its_value_in_both_modes():
    inputs = np.full((2, 4, 4, 1), 0.7, "float32")
    for training in (True, False):
        outputs = StochasticPooling2D(2)(inputs, training=training)
        np.testing.assert_allclose(numpy_of(outputs), 0.7, rtol=1e-6)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"pool_size": 2.0}, "`pool_size` must be a positive integer or 2 of them. Received: pool_size=2.0"),
        ({"strides": (1, 0)}, "`strides` must be a positive integer or 2 of them"),
        ({"padding": None}, "`padding` must be one of 'valid', 'same'. Received: padding=None"),
        ({"data_format": 1}, "`data_format` must be one of"),
        ({"seed": "x"}, "`seed` must be a non-negative integer or None. Received: seed='x'"),
        ({"seed": -1}, "`seed` must be a non-negative integer or None. Received: seed=-1"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError) as caught:
        StochasticPooling2D(**arguments)
    assert message in str(caught.value)


def test_refuses_inputs_smaller_than_a_window():
    with pytest.raises(ValueError, match=r"window of `StochasticPooling3D` is larger"):
        StochasticPooling3D(3).build((1, 4, 4, 2, 3))
    with pytest.raises(ValueError, match=r"`StochasticPooling2D` takes inputs of rank 4"):
        StochasticPooling2D(2).build((1, 4, 3))


@pytest.mark.parametrize("strides", [2, 1])
@pytest.mark.parametrize(("draw", "expected"), [(0.1, 2e38), (0.4, 3e38), (0.6, 1.5e38), (0.9, 2.5e38)])
def test_a_sum_of_large_entries_does_not_overflow(monkeypatch, draw, expected, strides):
    fix_draws(monkeypatch, draw)
    layer = StochasticPooling2D(2, strides)
    inputs = np.array([[2e38, 3e38], [1.5e38, 2.5e38]], "float32").reshape(1, 2, 2, 1)
    np.testing.assert_allclose(layer(inputs, training=True)[0, 0, 0, 0], expected, rtol=1e-6)
