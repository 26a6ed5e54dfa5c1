"""Groups of neighboring channels, and the maximum of each."""

from keras import ops

from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.autodiff import select, unstack


def unstack_pieces(inputs, pieces, axis):
    """Returns `pieces` tensors: the first channels of all groups, the second channels, and so on."""
    shape = ops.shape(inputs)
    axis = axis % len(shape)
    groups = shape[axis] // pieces
    grouped = ops.reshape(inputs, (*shape[:axis], groups, pieces, *shape[axis + 1 :]))
    if axis == len(shape) - 1:
        return unstack(grouped, pieces)
    return ops.unstack(grouped, pieces, axis=axis + 1)


def largest(tensors):
    """Returns the elementwise maximum, NaN if one is NaN; in a tie, the gradient goes to the first tensor.

    Comparing the tensors one by one is twice as fast as a reduction over such a short axis, forward and
    backward. Unlike a reduction, it does not split the gradient of a tie.
    """
    winner, *others = tensors
    for other in others:
        winner = select(ops.logical_or(other > winner, ops.not_equal(other, other)), other, winner)
    return winner


def reduced_shape(input_shape, pieces, axis):
    """Returns the shape with one channel per group, or raises if `pieces` does not divide the channels."""
    axis = validation.channel_axis(axis, input_shape)
    channels = input_shape[axis]
    if channels % pieces:
        raise ValueError(
            "The number of channels must be a multiple of `pieces`. "
            f"Received: pieces={pieces}, channels={channels}, input_shape={tuple(input_shape)}"
        )
    return (*input_shape[:axis], channels // pieces, *input_shape[axis + 1 :])
