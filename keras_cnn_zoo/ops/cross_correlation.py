"""Cross-correlation of two maps per example."""

import itertools

from keras import ops

from keras_cnn_zoo.utils.dtypes import at_least_float32


def cross_correlation(exemplar, search, *, strides, padding, depthwise):
    """Slides each example's small map over its large map.

    `example_convolution` with one filter gives the same numbers. Here one batched matrix product multiplies
    every position by every tap, and each tap then picks a shifted window of the result. For 6 x 6 taps over
    22 x 22 positions that is one large product instead of 36 thin ones. Sums run in at least float32.

    Args:
        exemplar: `(batch, height, width, channels)`, its height and width known.
        search: `(batch, search_height, search_width, channels)`.
        strides: Two integers.
        padding: `"valid"` or `"same"`, as in Keras.
        depthwise: Whether to keep channels separate instead of summing them.

    Returns:
        `(batch, new_height, new_width, 1)`, or `channels` maps if `depthwise`, in the dtype of `search`.
    """
    height, width, channels = exemplar.shape[1:]
    dtype = search.dtype
    exemplar = ops.cast(exemplar, at_least_float32(dtype))
    search = ops.cast(search, at_least_float32(dtype))
    lengths, pads = [], []
    for size, taps, stride in zip(ops.shape(search)[1:3], (height, width), strides, strict=True):
        length, pad = _length_and_pad(size, taps, stride, padding)
        lengths.append(length)
        pads.append(pad)
    if padding == "same":
        search = ops.pad(search, [(0, 0), *pads, (0, 0)])
    batch, *space = ops.shape(search)[:3]
    if not depthwise:
        places = ops.reshape(search, (batch, -1, channels))
        taps = ops.reshape(exemplar, (batch, height * width, channels))
        products = ops.reshape(ops.einsum("npc,ntc->npt", places, taps), (batch, *space, height * width))

    outputs = 0
    for row, column in itertools.product(range(height), range(width)):
        window = (
            slice(None),
            slice(row, row + (lengths[0] - 1) * strides[0] + 1, strides[0]),
            slice(column, column + (lengths[1] - 1) * strides[1] + 1, strides[1]),
        )
        if depthwise:
            outputs = outputs + search[window] * exemplar[:, row : row + 1, column : column + 1]
        else:
            tap = row * width + column
            outputs = outputs + products[(*window, slice(tap, tap + 1))]
    return ops.cast(outputs, dtype)


def _length_and_pad(size, taps, stride, padding):
    """Returns the output length and (before, after) zeros on one axis; tensors if `size` is a tensor."""
    if padding == "valid":
        return (size - taps) // stride + 1, (0, 0)
    length = (size + stride - 1) // stride
    total = (length - 1) * stride + taps - size
    total = max(total, 0) if isinstance(total, int) else ops.maximum(total, 0)
    return length, (total // 2, total - total // 2)
