"""Swapout: the expectation by loops, the frequencies of the four kinds of unit, and special cases."""

import keras
import numpy as np
import pytest
from scipy import stats

from keras_cnn_zoo.layers import Swapout
from keras_cnn_zoo.utils.autodiff import value_and_gradients


def reference(inputs, weights, shortcut_rate=0.5, branch_rate=0.5, **_):
    shortcut, branch = inputs
    outputs = np.empty_like(shortcut)
    for place in np.ndindex(shortcut.shape):
        outputs[place] = (1 - shortcut_rate) * shortcut[place] + (1 - branch_rate) * branch[place]
    return outputs


CASES = [
    dict(
        cls=Swapout,
        init_kwargs={"shortcut_rate": 0.2, "branch_rate": 0.4, "inference": "expectation", "seed": 3},
        input_shape=[(2, 3, 4, 5), (2, 3, 4, 5)],
        reference=reference,
        expected_output_shape=(2, 3, 4, 5),
    ),
    dict(cls=Swapout, init_kwargs={}, input_shape=[(3, 4), (3, 4)], reference=reference),
]


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def drawn(layer, shape=(200, 100)):
    """Returns 0, 1, 2, or 3 per element: nothing, the shortcut, the branch, or both."""
    return numpy_of(layer([np.ones(shape, "float32"), np.full(shape, 2.0, "float32")], training=True))


@pytest.mark.parametrize("shortcut_rate, branch_rate", [(0.5, 0.5), (0.2, 0.7), (0.9, 0.05)])
def test_units_are_dropped_skipped_feed_forward_or_residual_independently(shortcut_rate, branch_rate):
    draws = drawn(Swapout(shortcut_rate, branch_rate, seed=1))
    counts = [np.count_nonzero(draws == kind) for kind in range(4)]
    assert sum(counts) == draws.size
    x, f = 1 - shortcut_rate, 1 - branch_rate
    expected = np.array([(1 - x) * (1 - f), x * (1 - f), (1 - x) * f, x * f])
    assert stats.chisquare(counts, draws.size * expected).pvalue > 1e-3
    for one, other in ((draws[:-1], draws[1:]), (draws[:, :-1], draws[:, 1:])):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.03


def test_the_mean_of_many_draws_is_the_expectation():
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(1, 6)).astype("float32") for _ in range(2)]
    layer = Swapout(0.3, 0.6, seed=1)
    draws = numpy_of(layer([np.repeat(part, 10000, axis=0) for part in inputs], training=True))
    error = np.abs(draws.astype("float64").mean(axis=0) - numpy_of(layer(inputs))[0])
    assert np.all(error < 4 * draws.std(axis=0) / 100)


@pytest.mark.parametrize("rates, kind", [((0, 0), 3.0), ((1, 0), 2.0), ((0, 1), 1.0), ((1, 1), 0.0)])
def test_rates_of_0_and_1_give_the_sum_one_input_or_nothing(rates, kind):
    layer = Swapout(*rates, seed=1)
    assert set(drawn(layer).ravel()) == {kind}
    assert float(numpy_of(layer([np.ones((1, 1)), np.full((1, 1), 2.0)]))[0, 0]) == kind


@pytest.mark.parametrize("rates, kinds", [((1, 0.3), {0, 2}), ((0, 0.3), {1, 3}), ((0.3, 0), {2, 3})])
def test_one_certain_rate_gives_dropout_of_the_other_input(rates, kinds):
    draws = drawn(Swapout(*rates, seed=1))
    assert set(draws.ravel()) == kinds
    assert np.mean(draws == min(kinds)) == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / draws.size))


def test_sampling_at_inference_draws_as_training_does():
    inputs = [np.ones((20, 30), "float32"), np.full((20, 30), 2.0, "float32")]
    sampling = Swapout(inference="sample", seed=4)
    first, second = (numpy_of(sampling(inputs)) for _ in range(2))
    np.testing.assert_array_equal(first, drawn(Swapout(seed=4), (20, 30)))
    assert not np.array_equal(first, second)


def test_the_gradient_flows_to_the_kept_inputs():
    layer = Swapout(0.5, 0.5, seed=2)
    inputs = [np.ones((10, 10), "float32"), np.full((10, 10), 2.0, "float32")]
    state = numpy_of(layer.seed_generator.state)
    kinds = numpy_of(layer(inputs, training=True))
    layer.seed_generator.state.assign(state)
    _, gradients, _ = value_and_gradients(lambda x, f: keras.ops.sum(layer([x, f], training=True)), inputs)
    np.testing.assert_array_equal(numpy_of(gradients[0]), np.isin(kinds, (1, 3)))
    np.testing.assert_array_equal(numpy_of(gradients[1]), np.isin(kinds, (2, 3)))


@pytest.mark.parametrize("shape", [(1, 4), (0, 3), (5,)])
def test_any_batch_size_and_rank_is_accepted(shape):
    inputs = [np.ones(shape, "float32")] * 2
    for training in (False, True):
        assert Swapout()(inputs, training=training).shape == shape


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"shortcut_rate": 1.5}, "`shortcut_rate` must be .* at most 1. Received: shortcut_rate=1.5"),
        ({"branch_rate": -0.1}, "`branch_rate` must be .* at least 0 .* Received: branch_rate=-0.1"),
        (
            {"inference": "mean"},
            "`inference` must be one of 'expectation', 'sample'. Received: inference='mean'",
        ),
        ({"seed": "x"}, "`seed` must be a non-negative integer or None. Received: seed='x'"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        Swapout(**arguments)


@pytest.mark.parametrize(
    "shape", [[(2, 3), (2, 4)], [(2, 3), (2, 3, 1)], [(2, 3)], [(2, 3)] * 3, (2, 3), (None, 3)]
)
def test_refuses_inputs_that_are_not_two_of_the_same_shape(shape):
    with pytest.raises(ValueError, match="`Swapout` takes a list of two tensors of the same shape"):
        Swapout().build(shape)


def test_an_unknown_size_matches_any_size():
    assert Swapout().compute_output_shape([(None, 3, None), (None, None, 5)]) == (None, 3, 5)
