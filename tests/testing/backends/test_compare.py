"""Which numbers count as the same, and which distributions."""

import numpy as np
import pytest

from keras_cnn_zoo.testing.backends.compare import difference, draws_difference, summarize_draws


@pytest.mark.parametrize(("dtype", "step"), [("float32", 1e-5), ("float64", 1e-10)])
def test_rounding_passes_and_more_does_not(dtype, step):
    expected = np.array([1.0, -2.0, 0.0])
    assert difference("output", expected * (1 + step), expected, dtype) is None
    assert "output[1] is" in difference("output", expected * (1 + 100 * step), expected, dtype)


def test_a_float32_detour_shows_in_float64():
    expected = np.array([1 / 3, 2 / 3])
    assert difference("output", expected.astype("float32").astype("float64"), expected, "float64") is not None


def test_small_elements_are_compared_on_the_scale_of_their_array():
    expected = np.array([1000.0, 1e-6])
    assert difference("output", np.array([1000.0, 0.0]), expected) is None
    assert difference("output", np.array([0.0, 0.0]), np.array([1e-6, 1e-6])) is not None


def test_sums_that_cancel_are_compared_on_the_scale_of_all_arrays():
    noise, expected = np.array([1e-7]), np.array([-1e-7])
    assert difference("gradient", noise, expected) is not None
    assert difference("gradient", noise, expected, largest=1.0) is None
    assert difference("gradient", np.array([1e-4]), expected, largest=1.0) is not None


def test_all_zeros_must_stay_zeros():
    zeros = np.zeros(3)
    assert difference("gradient", zeros, zeros) is None
    assert difference("gradient", zeros + 1e-30, zeros) is not None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite_is_a_difference_on_either_side(bad):
    good, broken = np.ones(2), np.array([1.0, bad])
    assert "output is not finite in 1 of 2" in difference("output", broken, good)
    assert "the reference is not finite" in difference("output", good, broken)
    assert difference("output", broken, broken) is not None


def test_shape_and_integers():
    assert "has shape (3,) instead of (2,)" in difference("output", np.ones(3), np.ones(2))
    assert difference("output", np.zeros((0, 2)), np.zeros((0, 2))) is None
    assert difference("output", np.array([1, 2]), np.array([1, 2])) is None
    assert "differs in 1 of 2" in difference("output", np.array([1, 3]), np.array([1, 2]))


def draws_of(distribution, seed, count=256, shape=(4, 5)):
    generator = np.random.default_rng(seed)
    return distribution(generator, (count, *shape))


def uniform(generator, shape):
    return generator.uniform(0.0, 1.0, shape)


def same_mean_wider(generator, shape):
    return generator.uniform(-0.1, 1.1, shape)


def shifted(generator, shape):
    return generator.uniform(0.05, 1.05, shape)


def one_draw_for_all(generator, shape):
    return np.broadcast_to(generator.uniform(0.0, 1.0, (shape[0], 1, 1)), shape)


def rare(generator, shape):
    return (generator.uniform(0.0, 1.0, shape) < 0.01).astype("float64")


def compare(first, second, center=0.5):
    center = np.full((4, 5), center)
    return draws_difference(
        "training", summarize_draws(draws_of(first, 1), center), summarize_draws(draws_of(second, 2), center)
    )


@pytest.mark.parametrize("distribution", [uniform, one_draw_for_all, rare])
def test_draws_of_one_distribution_pass(distribution):
    assert compare(distribution, distribution) is None


@pytest.mark.parametrize("other", [same_mean_wider, shifted])
def test_draws_of_another_distribution_do_not(other):
    assert "of the draws at" in compare(other, uniform)


def test_constant_draws_must_be_equal():
    constant = np.full((256, 2), 3.0)
    center = np.zeros(2)
    same = summarize_draws(constant, center)
    assert draws_difference("training", same, same) is None
    assert draws_difference("training", summarize_draws(constant + 0.01, center), same) is not None


def test_draws_must_be_finite_and_of_one_shape():
    fine = summarize_draws(np.ones((9, 2)), np.zeros(2))
    assert "not finite" in draws_difference("t", summarize_draws(np.full((9, 2), np.nan), np.zeros(2)), fine)
    assert "have shape (3,)" in draws_difference("t", summarize_draws(np.ones((9, 3)), np.zeros(3)), fine)
