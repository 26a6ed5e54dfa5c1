"""Probout against equations (14) and (15) by loops, and its draws by their frequencies."""

import keras
import numpy as np
import pytest
from scipy import stats

from keras_cnn_zoo.layers import Maxout, Probout
from keras_cnn_zoo.utils.autodiff import value_and_gradients
from tests.helpers import fix_draws


def probabilities(group, inverse_temperature):
    """Returns p_1 to p_k without dropout, equation (14)."""
    powers = [np.exp(inverse_temperature * (z - max(group))) for z in group]
    return [power / sum(powers) for power in powers]


def reference(
    inputs, weights, pieces, inverse_temperature=1.0, dropout=True, inference="expectation", axis=-1, **_
):
    channels_last = np.moveaxis(inputs, axis, -1)
    outputs = np.empty((*channels_last.shape[:-1], channels_last.shape[-1] // pieces))
    for place in np.ndindex(outputs.shape):
        first = place[-1] * pieces
        group = channels_last[place[:-1]][first : first + pieces]
        if inference == "max":
            value = max(group)
        else:
            value = sum(p * z for p, z in zip(probabilities(group, inverse_temperature), group, strict=True))
        outputs[place] = 0.5 * value if dropout else value
    return np.moveaxis(outputs, -1, axis)


CASES = [
    dict(
        cls=Probout,
        init_kwargs={
            "pieces": 3,
            "inverse_temperature": 1.5,
            "dropout": True,
            "inference": "expectation",
            "axis": -1,
            "seed": 3,
        },
        input_shape=(2, 4, 5, 6),
        reference=reference,
        expected_output_shape=(2, 4, 5, 2),
    ),
    dict(
        cls=Probout,
        init_kwargs={"pieces": 2, "dropout": False, "inference": "max", "axis": 1},
        input_shape=(2, 4, 3),
        reference=reference,
    ),
    dict(cls=Probout, init_kwargs={"pieces": 4}, input_shape=(3, 8), reference=reference),
]

GROUP = np.array([0.5, 2.0, -1.0, 1.5])


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def drawn(count=20000, **arguments):
    """Returns the training outputs of `count` copies of GROUP."""
    layer = Probout(4, seed=1, **arguments)
    return numpy_of(layer(np.tile(GROUP, (count, 1)).astype("float32"), training=True)).ravel()


@pytest.mark.parametrize("inverse_temperature", [0.0, 0.7, 2.0])
@pytest.mark.parametrize("dropout", [False, True])
def test_frequencies_match_the_equations(inverse_temperature, dropout):
    draws = drawn(inverse_temperature=inverse_temperature, dropout=dropout)
    shares = probabilities(GROUP, inverse_temperature)
    expected = {z: p / 2 if dropout else p for z, p in zip(GROUP, shares, strict=True)}
    if dropout:
        expected[0.0] = 0.5
    counts = [np.count_nonzero(draws == np.float32(value)) for value in expected]
    assert sum(counts) == draws.size
    assert stats.chisquare(counts, draws.size * np.array(list(expected.values()))).pvalue > 1e-3


@pytest.mark.parametrize("dropout", [False, True])
def test_the_mean_of_many_draws_is_the_expectation(dropout):
    draws = drawn(dropout=dropout).astype("float64")
    expectation = float(numpy_of(Probout(4, dropout=dropout)(GROUP[None].astype("float32")))[0, 0])
    assert draws.mean() == pytest.approx(expectation, abs=4 * draws.std() / np.sqrt(draws.size))


def test_sampling_at_inference_draws_as_training_does():
    inputs = np.tile(GROUP, (200, 3)).astype("float32")
    sampling, training = Probout(4, inference="sample", seed=5), Probout(4, seed=5)
    first, second = (numpy_of(sampling(inputs)) for _ in range(2))
    np.testing.assert_array_equal(first, numpy_of(training(inputs, training=True)))
    assert not np.array_equal(first, second)


def test_groups_draw_independently():
    draws = numpy_of(Probout(2, seed=2)(np.tile([[1.0, 2.0]], (5000, 2)).astype("float32"), training=True))
    for one, other in ((draws[:, 0], draws[:, 1]), (draws[:-1, 0], draws[1:, 0])):
        assert abs(np.corrcoef(one, other)[0, 1]) < 4 / np.sqrt(5000)


# ln 1, ln 2, ln 5: probabilities 1/8, 2/8 and 5/8, halved in the second half of the draws.
LOGARITHMS = np.log(np.array([[1.0, 2.0, 5.0]], "float32"))


@pytest.mark.parametrize(
    "draw, winner",
    [(0.0, None), (0.4999, None), (0.5, 0), (0.562, 0), (0.563, 1), (0.687, 1), (0.688, 2), (1 - 2**-24, 2)],
)
def test_the_entry_is_found_by_the_cumulative_probability(monkeypatch, draw, winner):
    fix_draws(monkeypatch, draw)
    layer, inputs = Probout(3), LOGARITHMS + 1
    output = float(numpy_of(layer(inputs, training=True))[0, 0])
    assert output == (0 if winner is None else inputs[0, winner])
    _, (gradient,), _ = value_and_gradients(lambda x: keras.ops.sum(layer(x, training=True)), [inputs])
    assert numpy_of(gradient).tolist() == [[float(place == winner) for place in range(3)]]


@pytest.mark.parametrize("draw", [0.0, 0.5, 1 - 2**-24])
@pytest.mark.parametrize("group", [[200.0, -200.0], [-200.0, 200.0], [3e38, -3e38]])
def test_an_entry_without_probability_is_never_drawn(monkeypatch, draw, group):
    fix_draws(monkeypatch, draw)
    outputs = Probout(2, dropout=False)(np.array([group], "float32"), training=True)
    assert float(numpy_of(outputs)[0, 0]) == np.float32(max(group))


def test_extreme_temperatures_give_the_mean_and_maxout():
    inputs = np.random.default_rng(0).normal(size=(3, 4, 6)).astype("float32")
    maxout = numpy_of(Maxout(3)(inputs))
    cold = Probout(3, inverse_temperature=1e300, dropout=False)
    for training in (False, True):
        np.testing.assert_array_equal(numpy_of(cold(inputs, training=training)), maxout)
    np.testing.assert_array_equal(numpy_of(Probout(3, inference="max")(inputs)), maxout / 2)
    hot = numpy_of(Probout(3, inverse_temperature=0, dropout=False)(inputs))
    np.testing.assert_allclose(hot, inputs.reshape(3, 4, 2, 3).mean(-1), rtol=1e-5, atol=1e-6)


def test_one_piece_is_dropout_or_the_identity():
    inputs = np.arange(1.0, 7.0, dtype="float32").reshape(2, 3)
    np.testing.assert_array_equal(numpy_of(Probout(1, dropout=False)(inputs, training=True)), inputs)
    np.testing.assert_array_equal(numpy_of(Probout(1)(inputs)), inputs / 2)


def test_equal_entries_share_the_gradient_at_inference():
    inputs = np.array([[2.0, 2.0]], "float32")
    _, (gradient,), _ = value_and_gradients(lambda x: keras.ops.sum(Probout(2)(x)), [inputs])
    np.testing.assert_allclose(numpy_of(gradient), [[0.25, 0.25]], rtol=1e-6)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e30])
def test_zero_tiny_and_huge_inputs_are_finite(training, scale):
    inputs = (scale * np.random.default_rng(0).normal(size=(1, 6))).astype("float32")
    layer = Probout(3, inverse_temperature=4.0, seed=0)
    _, (gradient,), _ = value_and_gradients(lambda x: keras.ops.sum(layer(x, training=training)), [inputs])
    assert (
        np.isfinite(numpy_of(layer(inputs, training=training))).all()
        and np.isfinite(numpy_of(gradient)).all()
    )


def test_an_empty_batch_is_accepted():
    assert Probout(2)(np.zeros((0, 3, 4), "float32"), training=True).shape == (0, 3, 2)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"pieces": 0}, "`pieces` must be a positive integer. Received: pieces=0"),
        ({"inverse_temperature": -1}, "`inverse_temperature` must be a finite number at least 0"),
        ({"inverse_temperature": float("inf")}, "`inverse_temperature` must be a finite number"),
        ({"dropout": 0.5}, "`dropout` must be True or False. Received: dropout=0.5"),
        ({"inference": "mean"}, "`inference` must be one of 'expectation', 'max', 'sample'. Received: inf"),
        ({"axis": None}, "`axis` must be an integer. Received: axis=None"),
        ({"seed": -1}, "`seed` must be a non-negative integer or None. Received: seed=-1"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        Probout(**{"pieces": 2, **arguments})


def test_refuses_channels_that_do_not_divide():
    with pytest.raises(ValueError, match="multiple of `pieces`. Received: pieces=3, channels=8"):
        Probout(3).build((2, 5, 8))
    with pytest.raises(ValueError, match="`axis` must name an axis of the input other than the batch's"):
        Probout(3, axis=0).build((2, 6))


@pytest.mark.parametrize("training", [True, False])
def test_the_difference_of_large_entries_does_not_overflow(training):
    layer = Probout(2, dropout=False, seed=1)
    np.testing.assert_allclose(layer(np.float32([[3e38, -3e38]]), training=training), [[3e38]], rtol=1e-6)
