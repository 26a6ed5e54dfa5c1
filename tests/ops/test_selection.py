"""`select` and `larger` against NumPy, with the gradients that follow from their definitions."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.ops.selection import larger, select
from keras_cnn_zoo.utils.autodiff import value_and_gradients

RNG = np.random.default_rng(0)
SHAPE = (3, 4, 5)
CONDITIONS = {
    "one for all": RNG.random((1, 1, 1)) > 0.5,
    "one a column": RNG.random((3, 1, 5)) > 0.5,
    "each its own": RNG.random(SHAPE) > 0.5,
}


@pytest.mark.parametrize("condition", CONDITIONS.values(), ids=CONDITIONS)
def test_values_and_gradients(condition):
    chosen, other, factors = (RNG.standard_normal(SHAPE).astype("float32") for _ in range(3))
    outputs = select(condition, *map(keras.ops.convert_to_tensor, (chosen, other)))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(outputs), np.where(condition, chosen, other))
    _, gradients, _ = value_and_gradients(
        lambda chosen, other: keras.ops.sum(keras.ops.multiply(select(condition, chosen, other), factors)),
        [chosen, other],
    )
    for gradient, mask in zip(gradients, (condition, ~condition), strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(gradient), factors * mask)


def test_what_is_not_chosen_may_be_infinite():
    condition = np.array([True, False])
    chosen, other = np.array([1.0, np.inf], "float32"), np.array([-np.inf, 2.0], "float32")
    assert keras.ops.convert_to_numpy(select(condition, chosen, other)).tolist() == [1.0, 2.0]


def test_the_larger_takes_the_gradient_and_the_first_of_equals():
    first, second = np.array([1.0, 5.0, 2.0, -np.inf], "float32"), np.array([3.0, 4.0, 2.0, 0.0], "float32")
    factors = np.array([10.0, 20.0, 30.0, 40.0], "float32")
    outputs = larger(*map(keras.ops.convert_to_tensor, (first, second)))
    assert keras.ops.convert_to_numpy(outputs).tolist() == [3, 5, 2, 0]
    _, gradients, _ = value_and_gradients(
        lambda first, second: keras.ops.sum(keras.ops.multiply(larger(first, second), factors)),
        [first, second],
    )
    gradients = [keras.ops.convert_to_numpy(gradient).tolist() for gradient in gradients]
    assert gradients == [[0, 20, 30, 0], [10, 0, 0, 40]]


def test_the_gradient_has_a_gradient():
    condition = np.array([True, False, True])
    chosen, other = np.array([1.0, 2.0, 3.0], "float32"), np.array([4.0, 5.0, 6.0], "float32")

    def penalty(chosen):
        def energy(chosen):
            return keras.ops.sum(select(condition, chosen, keras.ops.convert_to_tensor(other)) ** 3)

        _, (gradient,), _ = value_and_gradients(energy, [chosen], higher_order=True)
        return keras.ops.sum(gradient)

    # The cube's second derivative where the first is chosen.
    _, (second,), _ = value_and_gradients(penalty, [chosen])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(second), [6.0, 0.0, 18.0], rtol=1e-6)
