"""Max pooling that returns the position of each maximum, and its unpooling."""

import itertools

from keras import ops

from keras_cnn_zoo.ops import windows


def max_pool_with_switches(inputs, pool_size, strides, padding, data_format):
    """Returns the maximum of every window, and its position in the window.

    Args:
        inputs: floating-point tensor with the batch first.
        pool_size: size of the windows, an integer per spatial axis.
        strides: strides of the windows, an integer per spatial axis.
        padding: "valid", or "same", whose padding is never a maximum.
        data_format: "channels_last" or "channels_first".

    Returns:
        `(pooled, switches)`: the maxima, and int32 tensors of the same shape with the row-major position of
        the first maximum in each window. Positions in the window do not depend on the map's size, and
        unpooling them needs no scatter.
    """
    axes = windows.spatial_axes(len(pool_size), data_format)
    pooled = ops.max_pool(inputs, pool_size, strides, padding, data_format)
    shape, inputs = ops.shape(inputs), ops.stop_gradient(inputs)
    padded = windows.pad_windows(inputs, pool_size, strides, padding, axes)
    best, switches = float("-inf"), 0
    for place, (offsets, entry) in enumerate(
        zip(
            itertools.product(*map(range, pool_size)),
            windows.window_entries(padded, pool_size, strides, axes),
            strict=True,
        )
    ):
        larger = entry > best
        if padding == "same":
            for axis, offset, extent, stride in zip(axes, offsets, pool_size, strides, strict=True):
                inside = _inside(shape[axis], offset, extent, stride)
                larger = ops.logical_and(larger, ops.reshape(inside, _along(axis, len(shape))))
        switches = ops.where(larger, place, switches)
        best = ops.where(larger, entry, best)
    return pooled, ops.cast(switches, "int32")


def _inside(length, offset, extent, stride):
    """Returns whether each window's entry at `offset` on one axis is in the map, with "same" padding."""
    before, _ = windows.padding_amounts(length, extent, stride, "same")
    positions = ops.arange(windows.output_length(length, extent, stride, "same"), dtype="int32") * stride
    positions = positions + offset - before
    return ops.logical_and(positions >= 0, positions < length)


def _along(axis, rank):
    return [-1 if each == axis else 1 for each in range(rank)]


def unpooled_length(count, size, stride, padding):
    """Returns the default length of `max_unpool`'s output along one axis; None for None."""
    if count is None:
        return None
    return count * stride if padding == "same" else (count - 1) * stride + size


def max_unpool(inputs, switches, pool_size, strides, padding, data_format, output_size=None):
    """Puts each value at the position that its switch gives in its window, with 0 elsewhere.

    If overlapping windows share a position, their values are summed. This is the transpose of the pooling
    with fixed switches.

    Args:
        inputs: floating-point tensor, one value per window.
        switches: integer tensor of the same shape, positions in the windows.
        pool_size: as in the pooling.
        strides: as in the pooling.
        padding: as in the pooling.
        data_format: "channels_last" or "channels_first".
        output_size: size of the map before pooling, a number per spatial axis. Defaults to the smallest
            possible size with "valid" padding, and to the largest with "same".

    Returns:
        A tensor in the dtype of `inputs`.
    """
    axes = windows.spatial_axes(len(pool_size), data_format)
    counts = [ops.shape(inputs)[axis] for axis in axes]
    if output_size is None:
        output_size = [
            unpooled_length(count, extent, stride, padding)
            for count, extent, stride in zip(counts, pool_size, strides, strict=True)
        ]
    # Offset o in a window is in phase o % stride of the map, o // stride strides further on.
    reaches = [(extent - 1) // stride for extent, stride in zip(pool_size, strides, strict=True)]
    phases = dict.fromkeys(itertools.product(*map(range, strides)))
    for place, offsets in enumerate(itertools.product(*map(range, pool_size))):
        part = inputs * ops.cast(switches == place, inputs.dtype)
        amounts = {
            axis: (offset // stride, reach - offset // stride)
            for axis, offset, stride, reach in zip(axes, offsets, strides, reaches, strict=True)
        }
        part = windows.pad_axes(part, amounts)
        phase = tuple(offset % stride for offset, stride in zip(offsets, strides, strict=True))
        phases[phase] = part if phases[phase] is None else phases[phase] + part
    empty = next(part for part in phases.values() if part is not None)
    outputs = windows.join_tiles(
        [ops.zeros_like(empty) if part is None else part for part in phases.values()], strides, axes
    )
    for axis, count, length, extent, stride, reach in zip(
        axes, counts, output_size, pool_size, strides, reaches, strict=True
    ):
        before, _ = windows.padding_amounts(length, extent, stride, padding)
        missing = windows.at_least_zero(before + length - (count + reach) * stride)
        outputs = windows.pad_axes(outputs, {axis: (0, missing)})
        outputs = windows.take_range(outputs, axis, before, length)
    return outputs
