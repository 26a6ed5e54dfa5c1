"""Gradients against derivatives computed by hand; each backend runs the same file."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_cnn_zoo.utils.autodiff import masked, select, value_and_gradients

RNG = np.random.default_rng(0)
SHAPE = (3, 4, 5)
CONDITIONS = {
    "one for all": RNG.random((1, 1, 1)) > 0.5,
    "one a column": RNG.random((3, 1, 5)) > 0.5,
    "each its own": RNG.random(SHAPE) > 0.5,
}


def numbers(tensor):
    return np.array(ops.convert_to_numpy(tensor))


def test_gradients_of_inputs_and_variables():
    weight = keras.Variable([2.0, 3.0])
    x = ops.convert_to_tensor([5.0, 7.0])
    value, (of_x,), (of_weight,) = value_and_gradients(lambda x: ops.sum(weight * x**2), [x], [weight])
    assert float(numbers(value)) == 2 * 25 + 3 * 49
    np.testing.assert_array_equal(numbers(of_x), [20.0, 42.0])
    np.testing.assert_array_equal(numbers(of_weight), [25.0, 49.0])


def test_unused_inputs_and_variables_have_a_zero_gradient():
    used, unused = keras.Variable([2.0]), keras.Variable([3.0, 4.0])
    _, inputs, weights = value_and_gradients(lambda x: ops.sum(used**2), [ops.ones((3,))], [used, unused])
    np.testing.assert_array_equal(numbers(inputs[0]), np.zeros(3))
    np.testing.assert_array_equal(numbers(weights[0]), [4.0])
    np.testing.assert_array_equal(numbers(weights[1]), np.zeros(2))


def test_a_constant_function_has_zero_gradients():
    _, (gradient,), _ = value_and_gradients(lambda x: ops.sum(ops.stop_gradient(x)), [ops.ones((2,))])
    np.testing.assert_array_equal(numbers(gradient), np.zeros(2))


def test_aux_is_returned_as_tensors():
    layer = keras.layers.Dense(2)
    layer.build((None, 3))

    def function(x):
        outputs = layer(x)
        return ops.sum(outputs), {"outputs": outputs}

    x = np.arange(6, dtype="float32").reshape(2, 3)
    (value, aux), _, (of_kernel, of_bias) = value_and_gradients(
        function, [x], layer.trainable_variables, has_aux=True
    )
    np.testing.assert_allclose(numbers(aux["outputs"]), numbers(layer(x)), rtol=1e-6)
    np.testing.assert_allclose(numbers(value), numbers(aux["outputs"]).sum(), rtol=1e-5)
    np.testing.assert_allclose(numbers(of_kernel), np.repeat(x.sum(axis=0)[:, None], 2, axis=1))
    np.testing.assert_array_equal(numbers(of_bias), [2.0, 2.0])


def test_gradient_of_a_gradient_norm():
    def penalty(x):
        _, (gradient,), _ = value_and_gradients(lambda x: ops.sum(x**3), [x], higher_order=True)
        return ops.sum(gradient**2)

    value, (gradient,), _ = value_and_gradients(penalty, [ops.convert_to_tensor([2.0])])
    assert float(numbers(value)) == (3 * 4) ** 2
    np.testing.assert_allclose(numbers(gradient), [2 * 12 * 6 * 2])


@pytest.mark.parametrize("condition", CONDITIONS.values(), ids=CONDITIONS)
def test_select_and_its_gradients(condition):
    chosen, other, factors = (RNG.standard_normal(SHAPE).astype("float32") for _ in range(3))
    outputs = select(condition, *map(ops.convert_to_tensor, (chosen, other)))
    np.testing.assert_array_equal(ops.convert_to_numpy(outputs), np.where(condition, chosen, other))
    _, gradients, _ = value_and_gradients(
        lambda chosen, other: ops.sum(ops.multiply(select(condition, chosen, other), factors)),
        [chosen, other],
    )
    for gradient, mask in zip(gradients, (condition, ~condition), strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(gradient), factors * mask)


def test_an_infinite_gradient_does_not_reach_the_other_tensor():
    condition = np.array([True, False])
    chosen, other = np.array([0.0, np.inf], "float32"), np.array([-np.inf, 2.0], "float32")
    chosen, other = map(ops.convert_to_tensor, (chosen, other))
    assert ops.convert_to_numpy(select(condition, chosen, other)).tolist() == [0.0, 2.0]
    # The slope of a square root at 0 is infinite.
    _, gradients, _ = value_and_gradients(
        lambda chosen, other: ops.sum(ops.sqrt(select(condition, chosen, other))), [chosen, other]
    )
    assert ops.convert_to_numpy(gradients[0]).tolist() == [np.inf, 0.0]
    assert ops.convert_to_numpy(gradients[1])[0] == 0.0


def test_the_gradient_of_a_selection_has_a_gradient():
    condition = np.array([True, False, True])
    chosen, other = np.array([1.0, 2.0, 3.0], "float32"), np.array([4.0, 5.0, 6.0], "float32")

    def penalty(chosen):
        def energy(chosen):
            return ops.sum(select(condition, chosen, ops.convert_to_tensor(other)) ** 3)

        _, (gradient,), _ = value_and_gradients(energy, [chosen], higher_order=True)
        return ops.sum(gradient)

    # The cube's second derivative where the first is chosen.
    _, (second,), _ = value_and_gradients(penalty, [chosen])
    np.testing.assert_allclose(ops.convert_to_numpy(second), [6.0, 0.0, 18.0], rtol=1e-6)


def test_a_mask_replaces_values_that_are_not_finite_by_zeros():
    tensor = np.array([np.inf, np.nan, 3.0, -np.inf], "float32")
    outputs = masked(*map(ops.convert_to_tensor, (np.array([0, 0, 1, 1], "float32"), tensor)))
    assert numbers(outputs).tolist() == [0, 0, 3, -np.inf]
