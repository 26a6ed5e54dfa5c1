"""Gradients against derivatives worked out by hand; each backend runs the same file."""

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.utils.autodiff import value_and_gradients


def numbers(tensor):
    return np.array(ops.convert_to_numpy(tensor))


def test_inputs_and_variables():
    weight = keras.Variable([2.0, 3.0])
    x = ops.convert_to_tensor([5.0, 7.0])
    value, (of_x,), (of_weight,) = value_and_gradients(lambda x: ops.sum(weight * x**2), [x], [weight])
    assert float(numbers(value)) == 2 * 25 + 3 * 49
    np.testing.assert_array_equal(numbers(of_x), [20.0, 42.0])
    np.testing.assert_array_equal(numbers(of_weight), [25.0, 49.0])


def test_what_the_function_does_not_use_has_a_zero_gradient():
    used, unused = keras.Variable([2.0]), keras.Variable([3.0, 4.0])
    _, inputs, weights = value_and_gradients(lambda x: ops.sum(used**2), [ops.ones((3,))], [used, unused])
    np.testing.assert_array_equal(numbers(inputs[0]), np.zeros(3))
    np.testing.assert_array_equal(numbers(weights[0]), [4.0])
    np.testing.assert_array_equal(numbers(weights[1]), np.zeros(2))


def test_a_function_without_any_gradient():
    _, (gradient,), _ = value_and_gradients(lambda x: ops.sum(ops.stop_gradient(x)), [ops.ones((2,))])
    np.testing.assert_array_equal(numbers(gradient), np.zeros(2))


def test_aux_comes_back_as_tensors():
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
