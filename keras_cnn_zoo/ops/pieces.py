"""Groups of neighbouring channels, and the largest of each."""

from keras import ops

from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.autodiff import select, unstack


def unstack_pieces(inputs, pieces, axis):
    """`pieces` tensors: the first channels of all groups, the second ones, and so on."""
    shape = ops.shape(inputs)
    axis = axis % len(shape)
    groups = shape[axis] // pieces
    grouped = ops.reshape(inputs, (*shape[:axis], groups, pieces, *shape[axis + 1 :]))
    if axis == len(shape) - 1:
        return unstack(grouped, pieces)
    return ops.unstack(grouped, pieces, axis=axis + 1)


def largest(tensors):
    """The element-wise maximum; the gradient goes to the first of equals.

    Whole tensors compared in turn run twice as fast as a reduction over so short an axis, forward and
    backward, and a selection, unlike a reduction, never splits the gradient of a tie.
    """
    winner, *others = tensors
    for other in others:
        winner = select(other > winner, other, winner)
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
