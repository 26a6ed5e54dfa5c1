"""Max pooling that remembers where each maximum was, and its way back."""

import itertools

from keras import ops

from keras_cnn_zoo.ops import windows


def max_pool_with_switches(inputs, pool_size, strides, padding, data_format):
    """The maxima of all windows, and the place of each in its window.

    Args:
        inputs: floating-point tensor with the batch first.
        pool_size: extent of the windows, an integer for each axis of space.
        strides: their step, an integer for each axis of space.
        padding: "valid", or "same", whose padding is never a maximum.
        data_format: "channels_last" or "channels_first".

    Returns:
        `(pooled, switches)`: the maxima, and int32 numbers of the same shape, the row-major position in the
        window, that of the first maximum where there are several. Positions in the window, not in the map:
        they do not depend on the map's size, and the way back needs no scatter.
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
    """Along one axis with "same" padding, whether each window's entry at that offset is on the map."""
    before, _ = windows.padding_amounts(length, extent, stride, "same")
    positions = ops.arange(windows.output_length(length, extent, stride, "same"), dtype="int32") * stride
    positions = positions + offset - before
    return ops.logical_and(positions >= 0, positions < length)


def _along(axis, rank):
    return [-1 if each == axis else 1 for each in range(rank)]


def unpooled_length(count, size, stride, padding):
    """Length of the map that `max_unpool` makes along one axis where none is asked for; None for None."""
    if count is None:
        return None
    return count * stride if padding == "same" else (count - 1) * stride + size


def max_unpool(inputs, switches, pool_size, strides, padding, data_format, output_size=None):
    """Each value at the place in its window that its switch names, 0 elsewhere.

    Where windows overlap and name one place, their values are summed, so that this is the transpose of the
    pooling with the switches held fixed.

    Args:
        inputs: floating-point tensor, a value for each window.
        switches: integer tensor of the same shape, positions in the windows.
        pool_size: as the pooling had it.
        strides: as the pooling had it.
        padding: as the pooling had it.
        data_format: "channels_last" or "channels_first".
        output_size: size of the map before pooling, a number for each axis of space. Defaults to the
            smallest that the windows cover without padding, and the largest with "same".

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
    # Offset o in a window falls on phase o % stride of the map, o // stride strides further on.
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
