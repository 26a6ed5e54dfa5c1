"""MaxoutDense against loops over units and pieces, and against Dense followed by Maxout."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import Maxout, MaxoutDense
from keras_cnn_zoo.utils.autodiff import value_and_gradients
from tests.helpers import WEIGHT_ARGUMENTS


def reference(inputs, weights, units, pieces, **_):
    kernel, bias = weights["kernel"], weights.get("bias", np.zeros(units * pieces))
    outputs = np.empty((*inputs.shape[:-1], units))
    for place in np.ndindex(outputs.shape):
        values = []
        for column in range(place[-1] * pieces, (place[-1] + 1) * pieces):
            values.append(
                bias[column] + sum(x * w for x, w in zip(inputs[place[:-1]], kernel[:, column], strict=True))
            )
        outputs[place] = max(values)
    return outputs


CASES = [
    dict(
        cls=MaxoutDense,
        init_kwargs={
            "units": 4,
            "pieces": 3,
            **WEIGHT_ARGUMENTS,
        },
        input_shape=(2, 5),
        reference=reference,
        expected_output_shape=(2, 4),
    ),
    dict(
        cls=MaxoutDense,
        init_kwargs={"units": 2, "pieces": 2, "use_bias": False},
        input_shape=(2, 3, 4),
        reference=reference,
    ),
]


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)


def example(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize("shape", [(1, 7), (6, 7), (2, 3, 4, 7)])
def test_it_equals_dense_and_maxout_with_the_same_weights(shape):
    inputs = example(*shape)
    layer = MaxoutDense(5, pieces=3, bias_initializer="random_normal")
    outputs = numpy_of(layer(inputs))
    dense = keras.layers.Dense(15)
    dense.build(shape)
    dense.set_weights(layer.get_weights())
    np.testing.assert_allclose(outputs, numpy_of(Maxout(3)(dense(inputs))), rtol=1e-5, atol=1e-6)
    assert layer.compute_output_shape(shape) == outputs.shape == (*shape[:-1], 5)


def test_one_piece_is_a_linear_dense_layer():
    inputs, layer = example(4, 6), MaxoutDense(3, pieces=1)
    outputs = numpy_of(layer(inputs))
    np.testing.assert_allclose(outputs, inputs @ layer.get_weights()[0], rtol=1e-5, atol=1e-6)


def test_two_opposite_pieces_are_the_absolute_value_by_hand():
    layer = MaxoutDense(2, pieces=2, use_bias=False)
    layer.build((None, 2))
    layer.set_weights([np.array([[1, -1, 0, 0], [0, 0, 1, -1]], "float32")])
    assert numpy_of(layer(np.array([[-3.0, 2.0], [4.0, -5.0]]))).tolist() == [[3, 2], [4, 5]]


def test_the_gradient_reaches_the_winning_piece_only():
    layer = MaxoutDense(1, pieces=3)
    layer.build((None, 1))
    layer.set_weights([np.array([[1.0, 2.0, -3.0]], "float32"), np.zeros(3, "float32")])
    _, _, (of_kernel, of_bias) = value_and_gradients(
        lambda: keras.ops.sum(layer(np.array([[5.0]], "float32"))), variables=layer.trainable_variables
    )
    assert numpy_of(of_kernel).tolist() == [[0, 5, 0]] and numpy_of(of_bias).tolist() == [0, 1, 0]


def test_regularizers_and_constraints_are_those_of_dense():
    layer = MaxoutDense(
        2,
        2,
        kernel_regularizer="l2",
        activity_regularizer="l1",
        kernel_constraint=keras.constraints.MaxNorm(1),
    )
    inputs = example(3, 4)
    outputs = numpy_of(layer(inputs))
    kernel = layer.get_weights()[0]
    losses = sorted(float(numpy_of(loss)) for loss in layer.losses)
    # Both have the factor 0.01, and Keras divides an activity penalty by the batch size.
    np.testing.assert_allclose(
        losses, sorted([0.01 * (kernel**2).sum(), 0.01 * np.abs(outputs).sum() / 3]), rtol=1e-4
    )
    limited = numpy_of(layer.kernel.constraint(keras.ops.convert_to_tensor(10 * kernel)))
    np.testing.assert_allclose(np.linalg.norm(limited, axis=0), 1, rtol=1e-4)


def test_an_empty_batch_is_accepted():
    assert MaxoutDense(2, 2)(np.zeros((0, 3), "float32")).shape == (0, 2)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"units": 0}, "`units` must be a positive integer. Received: units=0"),
        ({"pieces": 0}, "`pieces` must be a positive integer. Received: pieces=0"),
        ({"pieces": 1.5}, "`pieces` must be a positive integer. Received: pieces=1.5"),
        ({"use_bias": 1}, "`use_bias` must be True or False. Received: use_bias=1"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        MaxoutDense(**{"units": 2, "pieces": 2, **arguments})


@pytest.mark.parametrize("shape", [(4,), (2, None)])
def test_refuses_inputs_without_known_channels(shape):
    with pytest.raises(
        ValueError, match="`MaxoutDense` takes inputs of at least rank 2 .* Received: input_shape="
    ):
        MaxoutDense(2, 2).build(shape)


def test_refuses_another_number_of_channels_after_build():
    layer = MaxoutDense(2, 2)
    layer(example(2, 3))
    with pytest.raises(ValueError, match="expected axis -1"):
        layer(example(2, 4))
