"""Maxout against a loop over groups of neighboring channels."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import Maxout
from keras_cnn_zoo.utils.autodiff import value_and_gradients


def reference(inputs, weights, pieces, axis=-1):
    channels_last = np.moveaxis(inputs, axis, -1)
    groups = channels_last.shape[-1] // pieces
    outputs = np.empty((*channels_last.shape[:-1], groups))
    for place in np.ndindex(outputs.shape):
        first = place[-1] * pieces
        outputs[place] = max(channels_last[place[:-1]][first : first + pieces])
    return np.moveaxis(outputs, -1, axis)


CASES = [
    dict(
        cls=Maxout,
        init_kwargs={"pieces": 3, "axis": -1},
        input_shape=(2, 4, 5, 6),
        reference=reference,
        expected_output_shape=(2, 4, 5, 2),
    ),
    dict(cls=Maxout, init_kwargs={"pieces": 2, "axis": 1}, input_shape=(2, 4, 3), reference=reference),
    dict(cls=Maxout, init_kwargs={"pieces": 4}, input_shape=(3, 4), reference=reference),
]


def test_groups_are_neighboring_channels_by_hand():
    outputs = Maxout(pieces=2)(np.array([[1.0, 5.0, 7.0, 2.0, -3.0, -4.0]]))
    assert keras.ops.convert_to_numpy(outputs).tolist() == [[5.0, 7.0, -3.0]]


def test_one_piece_is_the_identity_and_all_pieces_the_maximum():
    inputs = np.random.default_rng(0).normal(size=(2, 3, 6)).astype("float32")
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(Maxout(1)(inputs)), inputs)
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(Maxout(6)(inputs)), inputs.max(axis=-1, keepdims=True)
    )


def test_two_pieces_with_a_zero_are_relu():
    inputs = np.random.default_rng(0).normal(size=(4, 5)).astype("float32")
    paired = np.stack([inputs, np.zeros_like(inputs)], axis=-1).reshape(4, 10)
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(Maxout(2)(paired)), np.maximum(inputs, 0))


def test_the_gradient_flows_only_to_the_first_maximum():
    inputs = np.array([[1.0, 5.0, 3.0, 2.0, 2.0, 2.0, -1.0, -3.0, -1.0]], "float32")
    layer = Maxout(3)
    factors = keras.ops.convert_to_tensor([[10.0, 20.0, 30.0]])
    _, (gradient,), _ = value_and_gradients(lambda x: keras.ops.sum(layer(x) * factors), [inputs])
    assert keras.ops.convert_to_numpy(gradient).tolist() == [[0, 10, 0, 20, 0, 0, 30, 0, 0]]


def test_infinite_and_huge_values_are_kept():
    inputs = np.array([[-np.inf, 3.0, 3e38, -3e38]], "float32")
    assert keras.ops.convert_to_numpy(Maxout(2)(inputs)).tolist() == [[3.0, np.float32(3e38)]]


def test_an_empty_batch_is_accepted():
    assert Maxout(2)(np.zeros((0, 3, 4), "float32")).shape == (0, 3, 2)


@pytest.mark.parametrize("pieces", [0, -2, 1.5, True, None, "2", float("nan")])
def test_refuses_pieces_that_are_not_a_positive_integer(pieces):
    with pytest.raises(ValueError, match="`pieces` must be a positive integer. Received: pieces="):
        Maxout(pieces)


def test_refuses_channels_that_do_not_divide():
    message = r"multiple of `pieces`. Received: pieces=3, channels=8, input_shape=\(2, 5, 8\)"
    with pytest.raises(ValueError, match=message):
        Maxout(3).build((2, 5, 8))
    with pytest.raises(ValueError, match=message):
        Maxout(3).compute_output_shape((2, 5, 8))


@pytest.mark.parametrize(
    "axis, shape, message",
    [
        (0, (2, 4), "`axis` must name an axis of the input other than the batch's. Received: axis=0"),
        (3, (2, 4), "`axis` must name an axis"),
        (-1, (2,), "`axis` must name an axis"),
        (-1, (2, None), r"Axis -1 of the input must have a known size. Received: input_shape=\(2, None\)"),
    ],
)
def test_refuses_an_axis_without_channels(axis, shape, message):
    with pytest.raises(ValueError, match=message):
        Maxout(2, axis=axis).build(shape)
