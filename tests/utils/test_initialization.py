"""Separate seeds, and kernels that are initialized as if each were alone."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.utils import initialization

SHAPE = (3, 3, 16, 32)


def values(initializer, count=4, shape=SHAPE):
    kernels = initialization.untied(keras.initializers.get(initializer), count, shape, "float32")
    return keras.ops.convert_to_numpy(kernels)


@pytest.mark.parametrize(
    "initializer",
    ["glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "lecun_uniform", "lecun_normal"]
    + [keras.initializers.VarianceScaling(0.5, mode="fan_out"), "random_normal", "truncated_normal"],
)
def test_each_kernel_has_the_variance_of_a_single_kernel(initializer):
    alone = keras.ops.convert_to_numpy(keras.initializers.get(initializer)(SHAPE, dtype="float32"))
    kernels = values(initializer)
    assert kernels.shape == (4, *SHAPE)
    np.testing.assert_allclose(kernels.std(axis=(1, 2, 3, 4)), alone.std(), rtol=0.06)
    np.testing.assert_allclose(np.abs(kernels).max(), np.abs(alone).max(), rtol=0.25)
    assert np.abs(np.corrcoef(kernels.reshape(4, -1)) - np.eye(4)).max() < 0.06


def test_initializers_of_whole_kernels_are_called_per_kernel():
    kernels = values(keras.initializers.Orthogonal(seed=2), shape=(2, 3, 4))
    for kernel in kernels.reshape(4, 6, 4):
        np.testing.assert_allclose(kernel.T @ kernel, np.eye(4), atol=1e-5)
    assert np.abs(kernels[0] - kernels[1]).max() > 0.01


def test_a_function_and_a_constant():
    def numbered(shape, dtype=None):
        return keras.ops.reshape(keras.ops.arange(int(np.prod(shape)), dtype=dtype), shape)

    np.testing.assert_array_equal(values(numbered, 2, (3, 1, 2)), [np.arange(6).reshape(3, 1, 2)] * 2)
    np.testing.assert_array_equal(values("ones", 2, (3, 1, 2)), np.ones((2, 3, 1, 2)))


def test_a_subclass_with_other_values_is_called_per_kernel():
    class Halved(keras.initializers.HeNormal):
        def __call__(self, shape, dtype=None):
            assert tuple(shape) == SHAPE
            return super().__call__(shape, dtype=dtype) / 2

    np.testing.assert_allclose(values(Halved()).std(), 0.5 * (2 / (9 * 16)) ** 0.5, rtol=0.06)


def test_reseeded_keeps_the_first_and_repeats():
    initializer = keras.initializers.HeNormal(seed=5)
    assert initialization.reseeded(initializer, 0) is initializer
    seeds = [initialization.reseeded(initializer, index).seed for index in range(4)]
    assert len(set(seeds)) == 4
    assert seeds == [initialization.reseeded(initializer, index).seed for index in range(4)]


def test_an_unseeded_initializer_is_rebuilt_for_each_kernel():
    initializer = keras.initializers.HeNormal()
    drawn = [initialization.reseeded(initializer, index) for index in (0, 1, 1)]
    assert len({id(each) for each in [initializer, *drawn]}) == 4
    assert all(each.get_config() == initializer.get_config() for each in drawn)
    assert len({each.seed for each in [initializer, *drawn]}) == 4


def test_a_seed_generator_is_used_directly():
    initializer = keras.initializers.HeNormal(keras.random.SeedGenerator(5))
    assert initialization.reseeded(initializer, 3) is initializer


def test_an_initializer_without_a_seed_is_returned_unchanged():
    zeros = keras.initializers.Zeros()
    assert initialization.reseeded(zeros, 3) is zeros
    assert initialization.reseeded(None, 3) is None
