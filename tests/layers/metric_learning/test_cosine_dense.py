"""CosineDense against the definition of the cosine by loops."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import CosineDense
from keras_cnn_zoo.utils.autodiff import value_and_gradients


def reference(inputs, weights, units, scale=1.0, **_):
    kernel = weights["kernel"]
    outputs = np.zeros((*inputs.shape[:-1], units))
    for place in np.ndindex(inputs.shape[:-1]):
        for unit in range(units):
            pairs = list(zip(inputs[place], kernel[:, unit], strict=True))
            product = sum(x * w for x, w in pairs)
            lengths = sum(x * x for x, _ in pairs) * sum(w * w for _, w in pairs)
            outputs[(*place, unit)] = scale * product / lengths**0.5
    return outputs


CASES = [
    dict(
        cls=CosineDense,
        init_kwargs={
            "units": 4,
            "scale": 12.5,
            "kernel_initializer": "he_normal",
            "kernel_regularizer": "l2",
            "kernel_constraint": "non_neg",
        },
        input_shape=(3, 5),
        reference=reference,
    ),
    dict(cls=CosineDense, init_kwargs={"units": 3}, input_shape=(2, 4, 6), reference=reference),
]


def numbers(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor), "float64")


def test_a_case_by_hand():
    layer = CosineDense(2, scale=10)
    layer.build((None, 2))
    layer.set_weights([np.array([[2.0, -3.0], [0.0, 3.0]])])
    np.testing.assert_allclose(
        numbers(layer(np.array([[3.0, 4.0]]))), [[6.0, (4 - 3) / 5 / 2**0.5 * 10]], rtol=1e-6
    )


def test_equals_dense_on_normalized_features_and_weights():
    inputs = np.random.default_rng(0).normal(size=(5, 7)).astype("float32")
    layer = CosineDense(3)
    outputs = numbers(layer(inputs))
    dense = keras.layers.Dense(3, use_bias=False)
    dense.build((None, 7))
    kernel = layer.get_weights()[0]
    dense.set_weights([kernel / np.linalg.norm(kernel, axis=0)])
    expected = numbers(dense(keras.layers.UnitNormalization()(inputs)))
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("factor", [1e-30, 1e-3, 1e30])
def test_the_norms_do_not_matter(factor):
    inputs = np.random.default_rng(0).normal(size=(2, 5)).astype("float32")
    layer = CosineDense(3)
    expected = numbers(layer(inputs))
    np.testing.assert_allclose(numbers(layer(inputs * np.float32(factor))), expected, rtol=1e-5, atol=1e-7)
    layer.set_weights([layer.get_weights()[0] * np.float32(factor)])
    np.testing.assert_allclose(numbers(layer(inputs)), expected, rtol=1e-5, atol=1e-7)


def test_cosines_stay_in_range_in_float16():
    layer = CosineDense(8, dtype="mixed_float16")
    inputs = np.random.default_rng(0).normal(size=(4, 512)).astype("float16") * np.float16(1000)
    layer(inputs)
    layer.set_weights([inputs.astype("float32").T.repeat(2, axis=1)])
    outputs = numbers(layer(inputs))
    assert np.abs(outputs).max() < 1.002
    np.testing.assert_allclose(outputs[range(4), range(0, 8, 2)], 1.0, atol=2e-3)


def test_zero_features_and_weights_give_zero_and_finite_gradients():
    layer = CosineDense(2, kernel_initializer="zeros")
    layer.build((None, 3))
    value, (of_inputs,), (of_kernel,) = value_and_gradients(
        lambda x: keras.ops.sum(layer(x)), [np.array([[1.0, 2.0, 2.0]], "float32")], [layer.kernel]
    )
    assert float(value) == 0 and not numbers(of_inputs).any()
    np.testing.assert_allclose(numbers(of_kernel), np.array([[1], [2], [2]]) / 3 * np.ones((1, 2)), rtol=1e-6)
    assert not numbers(CosineDense(2)(np.zeros((2, 3)))).any()


def test_the_gradient_is_orthogonal_to_the_features():
    layer = CosineDense(1)
    inputs = np.random.default_rng(0).normal(size=(1, 6)).astype("float32")
    layer(inputs)
    _, (gradient,), _ = value_and_gradients(lambda x: keras.ops.sum(layer(x)), [inputs])
    assert abs((numbers(gradient) * inputs).sum()) < 1e-6
    assert np.abs(numbers(gradient)).max() > 0.01


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"units": 0}, "`units` must be a positive integer. Received: units=0"),
        ({"scale": 0}, "`scale` must be a finite number above 0. Received: scale=0"),
        ({"scale": "auto"}, "`scale` must be .* Received: scale='auto'"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        CosineDense(**{"units": 2, **arguments})


@pytest.mark.parametrize(
    "shape, message", [((4,), "must name an axis"), ((2, None), "must have a known size")]
)
def test_refuses_inputs_without_known_features(shape, message):
    with pytest.raises(ValueError, match=message):
        CosineDense(2).build(shape)
