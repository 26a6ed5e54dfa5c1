"""Draws held fixed: the same each time, of the right kind, and gone afterwards."""

import keras
import numpy as np
import pytest
from keras import ops
from scipy import special

from keras_cnn_zoo.testing.draws import fixed_draws


def draw(function, *arguments, **keywords):
    with fixed_draws():
        return ops.convert_to_numpy(function(*arguments, **keywords))


@pytest.mark.parametrize(
    ("function", "arguments", "mean", "deviation"),
    [
        (keras.random.uniform, ((40, 50), 1.0, 3.0), 2.0, 2 / 12**0.5),
        (keras.random.normal, ((40, 50), 1.0, 3.0), 1.0, 3.0),
        (keras.random.truncated_normal, ((40, 50), 1.0, 3.0), 1.0, 3 * 0.8796),
        (keras.random.randint, ((40, 50), 0, 4), 1.5, 1.25**0.5),
    ],
)
def test_moments(function, arguments, mean, deviation):
    values = draw(function, *arguments)
    assert values.mean() == pytest.approx(mean, abs=0.01)
    assert values.std() == pytest.approx(deviation, abs=0.01)


@pytest.mark.parametrize("function", [keras.random.normal, keras.random.truncated_normal])
def test_normal_draws_in_float64_have_the_digits_of_float64(function):
    wide = draw(function, (500,), dtype="float64")
    assert wide.dtype == "float64"
    uniform = draw(keras.random.uniform, (500,), dtype="float64")
    bound = 1.0 if function is keras.random.normal else 0.9544997361036416
    expected = np.sqrt(2) * special.erfinv((2 * uniform - 1) * bound)
    np.testing.assert_allclose(wide, expected, rtol=1e-12, atol=1e-14)


def test_the_seed_does_not_matter_and_each_entry_starts_anew():
    np.testing.assert_array_equal(
        draw(keras.random.uniform, (5,), seed=1), draw(keras.random.uniform, (5,), seed=2)
    )


def test_two_draws_differ():
    with fixed_draws():
        first, second = (ops.convert_to_numpy(keras.random.uniform((5,))) for _ in range(2))
    assert not np.array_equal(first, second)


def test_layers_of_keras_draw_the_same_way():
    inputs = np.ones((40, 50), "float32")
    values = draw(keras.layers.Dropout(0.25), inputs, training=True)
    assert set(np.unique(values)) == {np.float32(0), np.float32(4 / 3)}
    assert (values == 0).mean() == pytest.approx(0.25, abs=0.01)


def test_spatial_dropout_draws_once_per_channel():
    values = draw(keras.layers.SpatialDropout2D(0.5), np.ones((2, 3, 4, 8), "float32"), training=True)
    assert (values == values[:, :1, :1]).all() and 0 < values.mean() < 2


def test_categorical_follows_the_logits():
    logits = np.log(np.tile([[0.1, 0.6, 0.3]], (2, 1))).astype("float32")
    values = draw(keras.random.categorical, logits, 2000)
    assert values.shape == (2, 2000)
    np.testing.assert_allclose(np.bincount(values.ravel()) / 4000, [0.1, 0.6, 0.3], atol=0.03)


def test_draws_are_random_again_afterwards():
    draw(keras.random.uniform, (3,))
    assert not np.array_equal(keras.random.uniform((3,)), keras.random.uniform((3,)))
