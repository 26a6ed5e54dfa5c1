"""Sliding windows over the spatial axes: their lengths, their padding, and their entries.

`window_entries`: inputs (batch, *space, channels) -> split each axis by its stride into (length, stride) ->
move the stride axes to the front: prod(strides) phases of (batch, *lengths, channels) -> per position in the
window, a contiguous range of one phase -> prod(size) tensors (batch, *windows, channels).
"""

import itertools

import keras
from keras import ops


def spatial_axes(rank, data_format):
    """Returns the indices of `rank` spatial axes in a batch of that data format."""
    first = 1 if data_format == "channels_last" else 2
    return tuple(range(first, first + rank))


def output_length(length, size, stride, padding, dilation=1):
    """Returns the number of windows along one axis, as in Keras; None if `length` is None."""
    if length is None:
        return None
    if padding == "valid":
        return (length - dilation * (size - 1) - 1 + stride) // stride
    return (length + stride - 1) // stride


def window_shape(input_shape, size, strides, padding, data_format, *, channels=None, dilation=None, owner):
    """Returns the output shape of a pooling or convolution, or raises ValueError if no window fits.

    `channels` replaces the input's channels; `owner` is the class that the error names.
    """
    rank = len(size)
    shape = list(input_shape)
    if len(shape) != rank + 2:
        raise ValueError(f"`{owner}` takes inputs of rank {rank + 2}. Received: input_shape={tuple(shape)}")
    dilation = dilation or (1,) * rank
    for position, axis in enumerate(spatial_axes(rank, data_format)):
        shape[axis] = output_length(
            shape[axis], size[position], strides[position], padding, dilation[position]
        )
        if shape[axis] is not None and shape[axis] < 1:
            raise ValueError(
                f"The window of `{owner}` is larger than its input. "
                f"Received: input_shape={tuple(input_shape)}, window={tuple(size)}, padding={padding!r}"
            )
    if channels is not None:
        shape[-1 if data_format == "channels_last" else 1] = channels
    return tuple(shape)


def padding_amounts(length, size, stride, padding, dilation=1):
    """Returns the numbers of entries to add before and after one axis, so that `padding` becomes "valid".

    "same" splits them as TensorFlow and Keras do, with the odd one after; "causal" puts all of them before.
    """
    reach = dilation * (size - 1)
    if padding == "valid":
        return 0, 0
    if padding == "causal":
        return reach, 0
    total = at_least_zero((output_length(length, size, stride, padding) - 1) * stride + reach + 1 - length)
    return total // 2, total - total // 2


def at_least_zero(length):
    """Returns `max(length, 0)` for Python integers and for lengths known only at run time."""
    return max(length, 0) if isinstance(length, int) else ops.maximum(length, 0)


def pad_axes(inputs, amounts, value=0):
    """Pads with `value` by `{axis: (before, after)}`; returns the inputs if all amounts are known to be 0."""
    if all(isinstance(amount, int) and amount == 0 for pair in amounts.values() for amount in pair):
        return inputs
    widths = [amounts.get(axis, (0, 0)) for axis in range(len(inputs.shape))]
    return ops.pad(inputs, widths, constant_values=value)


def pad_windows(inputs, size, strides, padding, axes, value=0):
    """Pads with `value` as `padding` requires; the windows are then "valid"."""
    shape = ops.shape(inputs)
    amounts = {
        axis: padding_amounts(shape[axis], size[position], strides[position], padding)
        for position, axis in enumerate(axes)
    }
    return pad_axes(inputs, amounts, value)


def window_counts(shape, size, strides, padding, axes, dtype):
    """Returns the number of entries of each window without padding, a float or a tensor that broadcasts."""
    count = 1.0
    for position, axis in enumerate(axes):
        length, extent, stride = shape[axis], size[position], strides[position]
        before, after = padding_amounts(length, extent, stride, padding)
        if isinstance(before, int) and isinstance(after, int) and before == after == 0:
            count = count * extent
            continue
        first = ops.arange(output_length(length, extent, stride, padding)) * stride - before
        inside = ops.minimum(first + extent, length) - ops.maximum(first, 0)
        sizes = [1] * len(shape)
        sizes[axis] = -1
        count = count * ops.reshape(ops.cast(inside, dtype), sizes)
    return count


def window_entries(inputs, size, strides, axes):
    """Returns the entries of all "valid" windows: `prod(size)` tensors in row-major order.

    Entry `o` of the window that starts at `stride * w` is at `stride * (w + o // stride) + o % stride`. One
    transposition sorts the input into its `prod(strides)` phases, so every entry is a contiguous range of a
    phase. Strided slices are equivalent, but their gradient is ten times slower in a TensorFlow graph.
    """
    phases, counts = _phases(inputs, size, strides, axes)
    entries = []
    for offsets in itertools.product(*(range(extent) for extent in size)):
        phase = phases[tuple(o % stride for o, stride in zip(offsets, strides, strict=True))]
        for axis, o, extent, stride, count in zip(axes, offsets, size, strides, counts, strict=True):
            if extent > stride:
                phase = take_range(phase, axis, o // stride, count)
        entries.append(phase)
    return entries


def crop_to_tiles(inputs, size, axes):
    """Crops the end of each axis to a multiple of the tile's `size`."""
    shape = ops.shape(inputs)
    for axis, extent in zip(axes, size, strict=True):
        if not isinstance(shape[axis], int) or shape[axis] % extent:
            inputs = take_range(inputs, axis, 0, shape[axis] // extent * extent)
    return inputs


def join_tiles(entries, size, axes):
    """Joins the entries of tiles into maps: the inverse of `window_entries` for tiles."""
    shape = list(ops.shape(entries[0]))
    order, merged = [], list(shape)
    for axis in range(len(shape)):
        order.append(len(size) + axis)
        if axis in axes:
            position = axes.index(axis)
            order.append(position)
            merged[axis] = shape[axis] * size[position]
    tiles = ops.reshape(ops.stack(entries), [*size, *shape])
    return ops.reshape(ops.transpose(tiles, order), merged)


def _phases(inputs, size, strides, axes):
    """Returns `{phase: inputs at every stride-th position from it}`, and the number of windows per axis."""
    shape = list(ops.shape(inputs))
    counts = []
    for axis, extent, stride in zip(axes, size, strides, strict=True):
        count = output_length(shape[axis], extent, stride, "valid")
        counts.append(count)
        inputs = _set_length(inputs, axis, shape[axis], (count + (extent - 1) // stride) * stride, stride)
    ranges = [range(stride) for stride in strides]
    if max(strides) == 1:
        return {(0,) * len(axes): inputs}, counts
    shape = list(ops.shape(inputs))
    split, rest, phase_axes = [], [], []
    for axis, length in enumerate(shape):
        if axis in axes:
            stride = strides[axes.index(axis)]
            shape[axis] = length // stride
            phase_axes.append(len(split) + 1)
            rest.append(len(split))
            split += [length // stride, stride]
        else:
            rest.append(len(split))
            split.append(length)
    phases = ops.transpose(ops.reshape(inputs, split), phase_axes + rest)
    number = 1
    for stride in strides:
        number *= stride
    phases = ops.unstack(ops.reshape(phases, [number, *shape]), number, axis=0)
    return dict(zip(itertools.product(*ranges), phases, strict=True)), counts


def _set_length(inputs, axis, length, target, stride):
    """Crops or zero-pads the end of one axis to `target`, which is at most `length + stride - 1`."""
    if isinstance(length, int) and isinstance(target, int):
        if target > length:
            return pad_axes(inputs, {axis: (0, target - length)})
        if target == length:
            return inputs
    elif stride == 1:
        return inputs
    else:
        inputs = pad_axes(inputs, {axis: (0, stride - 1)})
    return take_range(inputs, axis, 0, target)


def take_range(inputs, axis, start, length):
    """Takes `length` positions along one axis. The gradient of `inputs[a:b]` is slow in TensorFlow graphs."""
    shape = list(ops.shape(inputs))
    shape[axis] = length
    starts = [0] * len(shape)
    starts[axis] = start
    return ops.slice(inputs, starts, shape)


def as_float32(inputs):
    """Casts to float32, except float64. `keras.backend.result_type` demotes float64 on JAX and PyTorch."""
    is_double = keras.backend.standardize_dtype(inputs.dtype) == "float64"
    return inputs if is_double else ops.cast(inputs, "float32")
