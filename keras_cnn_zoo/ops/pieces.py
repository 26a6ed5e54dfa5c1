"""Groups of neighbouring channels, and the largest of each."""

import keras
from keras import ops

from keras_cnn_zoo.ops.selection import larger
from keras_cnn_zoo.utils import validation


def unstack_pieces(inputs, pieces, axis):
    """`pieces` tensors: the first channels of all groups, the second ones, and so on."""
    shape = ops.shape(inputs)
    axis = axis % len(shape)
    groups = shape[axis] // pieces
    grouped = ops.reshape(inputs, (*shape[:axis], groups, pieces, *shape[axis + 1 :]))
    if axis == len(shape) - 1 and keras.backend.backend() == "tensorflow":
        return _unstack_last(grouped)
    return ops.unstack(grouped, pieces, axis=axis + 1)


@ops.custom_gradient
def _unstack_last(grouped):
    """`ops.unstack` along the last axis, with a way back that TensorFlow does three times as fast.

    Its own is a stack along that axis, a copy of number by number; this is a copy of whole tensors and the
    transposition of a matrix.
    """
    shape = ops.shape(grouped)

    def backward(*upstream):
        rows = ops.reshape(ops.stack(upstream), (len(upstream), -1))
        return ops.reshape(ops.transpose(rows), shape)

    return tuple(ops.unstack(grouped, axis=-1)), backward


def largest(tensors):
    """The element-wise maximum; the gradient goes to the first of equals.

    Whole tensors compared in turn run twice as fast as a reduction over so short an axis, forward and
    backward, and a selection, unlike a reduction, never splits the gradient of a tie.
    """
    winner, *others = tensors
    for other in others:
        winner = larger(winner, other)
    return winner


def reduced_shape(input_shape, pieces, axis):
    """The shape with one channel left of each group, or ValueError where channels do not fall into groups."""
    axis = validation.channel_axis(axis, input_shape)
    channels = input_shape[axis]
    if channels % pieces:
        raise ValueError(
            "The number of channels must be a multiple of `pieces`. "
            f"Received: pieces={pieces}, channels={channels}, input_shape={tuple(input_shape)}"
        )
    return (*input_shape[:axis], channels // pieces, *input_shape[axis + 1 :])
