"""The draw of examples: their number, and that all are equally likely."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.models.detection import sampling


def numpy_of(*tensors):
    return tuple(keras.ops.convert_to_numpy(tensor) for tensor in tensors)


@pytest.mark.parametrize("objects", [0, 3, 40])
def test_draw_takes_the_given_numbers_with_the_largest_keys(objects):
    rng = np.random.default_rng(0)
    keys = keras.ops.convert_to_tensor(rng.permutation(100)[None] / 100, dtype="float32")
    positive = (np.arange(100) < objects)[None]
    one, other = numpy_of(*sampling.draw(positive, ~positive, keys, total=32, max_positive=16))
    assert one.sum() == min(objects, 16) and one.sum() + other.sum() == 32
    assert not (one & other).any() and not (one & ~positive).any()
    drawn = keras.ops.convert_to_numpy(keys)[one]
    left = keras.ops.convert_to_numpy(keys)[positive & ~one]
    assert not len(drawn) or not len(left) or drawn.min() > left.max()


def test_draw_with_too_few_candidates_takes_all():
    keys = keras.ops.convert_to_tensor(np.linspace(0.1, 0.9, 5)[None], dtype="float32")
    positive = np.array([[True, False, False, False, False]])
    negative = np.array([[False, True, True, False, False]])
    one, other = numpy_of(*sampling.draw(positive, negative, keys, total=32, max_positive=16))
    np.testing.assert_array_equal(one, positive)
    np.testing.assert_array_equal(other, negative)
    places, drawn = numpy_of(*sampling.take_drawn(one, other, keys, 4))
    assert set(places[0][drawn[0]]) == {0, 1, 2} and drawn.sum() == 3


def test_draws_are_even():
    positive = np.ones((1, 20), bool)
    counts = np.zeros(20)
    for seed in range(200):
        keys = keras.random.uniform((1, 20), seed=seed)
        counts += numpy_of(*sampling.draw(positive, ~positive, keys, total=10, max_positive=5))[0][0]
    assert counts.sum() == 1000 and counts.min() > 25 and counts.max() < 75  # 50 each, standard deviation 6


def test_keys_of_evaluation_are_always_the_same_and_even():
    one, other = numpy_of(sampling.draw_keys(1000, None), sampling.draw_keys(1000, None))
    np.testing.assert_array_equal(one, other)
    assert np.histogram(one, bins=10, range=(0, 1))[0].tolist() == pytest.approx([100] * 10, abs=2)


def test_keys_of_training_differ_from_draw_to_draw():
    generator = keras.random.SeedGenerator(0)
    one, other = numpy_of(sampling.draw_keys(50, generator), sampling.draw_keys(50, generator))
    assert one.shape == (1, 50) and (one != other).all()


def test_means_are_weighted_and_0_without_weights():
    means = sampling.mean_over(np.array([[1.0, 5.0], [3.0, 4.0]]), np.array([[1.0, 1.0], [0.0, 0.0]]))
    assert numpy_of(means)[0].tolist() == [3.0, 0.0]
