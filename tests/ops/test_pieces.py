"""Groups of channels against NumPy, and their gradients against the position of each value."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.ops.pieces import largest, unstack_pieces
from keras_cnn_zoo.utils.autodiff import value_and_gradients

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("axis", [-1, 1])
@pytest.mark.parametrize("pieces", [1, 2, 3, 6])
def test_unstacking_and_its_gradient(pieces, axis):
    inputs = RNG.standard_normal((2, 6, 6)).astype("float32")
    factors = [RNG.standard_normal((2, 6 // pieces, 6)).astype("float32") for _ in range(pieces)]
    if axis == -1:
        factors = [factor.transpose(0, 2, 1) for factor in factors]

    def function(inputs):
        parts = unstack_pieces(inputs, pieces, axis)
        return sum(keras.ops.sum(keras.ops.multiply(*pair)) for pair in zip(parts, factors, strict=True))

    parts = unstack_pieces(keras.ops.convert_to_tensor(inputs), pieces, axis)
    expected = np.zeros_like(inputs)
    for index, (part, factor) in enumerate(zip(parts, factors, strict=True)):
        places = (slice(None), slice(None), slice(index, None, pieces))
        places = places if axis == -1 else (slice(None), slice(index, None, pieces))
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(part), inputs[places])
        expected[places] = factor
    _, (gradient,), _ = value_and_gradients(function, [inputs])
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(gradient), expected)


def test_the_largest_is_nan_if_one_is():
    first, second = np.array([5.0, np.nan], "float32"), np.array([np.nan, 5.0], "float32")
    outputs = largest([keras.ops.convert_to_tensor(values) for values in (first, second)])
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(outputs), [np.nan, np.nan])


def test_the_second_derivative_follows_the_first():
    inputs = np.array([[1.0, 2.0, 4.0, 3.0]], "float32")

    def penalty(inputs):
        def energy(inputs):
            return keras.ops.sum(largest(unstack_pieces(inputs, 2, -1)) ** 3)

        _, (gradient,), _ = value_and_gradients(energy, [inputs], higher_order=True)
        return keras.ops.sum(gradient)

    _, (second,), _ = value_and_gradients(penalty, [inputs])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(second), [[0, 12, 24, 0]], rtol=1e-6)


def test_works_with_unknown_sizes_in_a_graph():
    tf = pytest.importorskip("tensorflow")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("a graph of TensorFlow")

    @tf.function(input_signature=[tf.TensorSpec((None, None, 6), "float32")])
    def gradient(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = tf.reduce_sum(largest(unstack_pieces(inputs, 3, -1)))
        return tape.gradient(outputs, inputs)

    inputs = RNG.standard_normal((2, 5, 6)).astype("float32")
    groups = inputs.reshape(2, 5, 2, 3)
    expected = groups == groups.max(axis=-1, keepdims=True)
    np.testing.assert_array_equal(gradient(inputs).numpy(), expected.reshape(2, 5, 6))
