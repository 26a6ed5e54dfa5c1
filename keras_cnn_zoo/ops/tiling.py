"""Tiled convolution: several kernels alternate over the output positions."""

import itertools

from keras import ops

from keras_cnn_zoo.ops import windows


def tiled_convolution(inputs, kernel, *, strides, padding, data_format, dilation_rate, groups):
    """Convolves with kernel `i % tile_size` at output position `i`, along every spatial axis.

    `kernel` has the shape `(tile_size,) * rank + kernel_size + (channels / groups, filters)`.
    """
    kernel = ops.convert_to_tensor(kernel)
    rank = len(strides)
    tile, size = kernel.shape[0], tuple(kernel.shape[rank : 2 * rank])
    axes = windows.spatial_axes(rank, data_format)
    shape = ops.shape(inputs)
    if tile == 1:
        if padding == "causal":
            reach = windows.padding_amounts(shape[axes[0]], size[0], strides[0], padding, dilation_rate[0])
            inputs, padding = windows.pad_axes(inputs, {axes[0]: reach}), "valid"
        kernel = ops.reshape(kernel, tuple(kernel.shape[rank:]))
        return ops.conv(inputs, kernel, strides, padding, data_format, dilation_rate)

    # Outputs are computed in whole blocks of tile x tile positions: the input is padded with zeros at the end
    # and the output is cropped.
    amounts, lengths, blocks = {}, [], []
    for axis, extent, stride, dilation in zip(axes, size, strides, dilation_rate, strict=True):
        before, _ = windows.padding_amounts(shape[axis], extent, stride, padding, dilation)
        length = windows.output_length(shape[axis], extent, stride, padding, dilation)
        block = (length + tile - 1) // tile
        needed = (block * tile - 1) * stride + dilation * (extent - 1) + 1
        amounts[axis] = (before, windows.at_least_zero(needed - before - shape[axis]))
        lengths.append(length)
        blocks.append(block)
    if max(dilation_rate) == 1:
        outputs = _convolve_blocks(inputs, kernel, strides, data_format, groups, amounts)
    else:
        outputs = windows.pad_axes(inputs, amounts)
        outputs = _convolve_and_select(outputs, kernel, data_format, dilation_rate, groups, axes)
    outputs = _interleave(outputs, tile, blocks, data_format, groups)
    for axis, length, block in zip(axes, lengths, blocks, strict=True):
        if not isinstance(length, int) or length < block * tile:
            outputs = windows.take_range(outputs, axis, 0, length)
    return outputs


def _convolve_blocks(inputs, kernel, strides, data_format, groups, amounts):
    """Applies all kernels in one convolution with a stride of whole blocks.

    The kernel at position r in the block starts r strides further on, so each kernel is padded with zeros to
    the extent of the block's input. For 3 x 3 kernels and 2 x 2 blocks this is 16 / 9 of the multiplications,
    but faster than four exact convolutions that each read the whole input.
    """
    rank = len(strides)
    tile = kernel.shape[0]
    parts = []
    for position in itertools.product(range(tile), repeat=rank):
        margins = [(stride * r, stride * (tile - 1 - r)) for stride, r in zip(strides, position, strict=True)]
        parts.append(ops.pad(kernel[position], [*margins, (0, 0), (0, 0)]))
    kernel = _join(parts, groups)
    steps = tuple(stride * tile for stride in strides)
    padding = "same" if _is_same_padding(inputs, kernel, steps, amounts) else "valid"
    if padding == "valid":
        inputs = windows.pad_axes(inputs, amounts)
    return ops.conv(inputs, kernel, steps, padding, data_format)


def _is_same_padding(inputs, kernel, strides, amounts):
    """Returns whether the convolution's "same" padding adds these zeros, which saves a copy of the input."""
    shape = ops.shape(inputs)
    return all(
        isinstance(shape[axis], int) and windows.padding_amounts(shape[axis], extent, stride, "same") == pair
        for (axis, pair), extent, stride in zip(
            amounts.items(), kernel.shape[: len(strides)], strides, strict=True
        )
    )


def _convolve_and_select(inputs, kernel, data_format, dilation_rate, groups, axes):
    """Applies all kernels at every position and selects one, as backends refuse strides with dilation."""
    rank = len(axes)
    tile = kernel.shape[0]
    positions = list(itertools.product(range(tile), repeat=rank))
    kernel = _join([kernel[position] for position in positions], groups)
    outputs = ops.conv(inputs, kernel, 1, "valid", data_format, dilation_rate)
    filters = kernel.shape[-1] // (groups * len(positions))
    kept = []
    for index, entry in enumerate(windows.window_entries(outputs, (tile,) * rank, (tile,) * rank, axes)):
        shape = ops.shape(entry)
        if data_format == "channels_last":
            entry = ops.reshape(entry, (*shape[:-1], groups, len(positions), filters))
            kept.append(entry[..., index, :])
        else:
            entry = ops.reshape(entry, (shape[0], groups, len(positions), filters, *shape[2:]))
            kept.append(entry[:, :, index])
    stacked = ops.stack(kept, axis=-2 if data_format == "channels_last" else 2)
    shape = ops.shape(entry)
    if data_format == "channels_last":
        return ops.reshape(stacked, (*shape[:-3], kernel.shape[-1]))
    return ops.reshape(stacked, (shape[0], kernel.shape[-1], *shape[4:]))


def _join(kernels, groups):
    """Joins the filters of all kernels into one: by group, as grouped convolution needs, then by kernel."""
    shape = tuple(kernels[0].shape)
    kernels = [ops.reshape(kernel, (*shape[:-1], groups, shape[-1] // groups)) for kernel in kernels]
    return ops.reshape(ops.stack(kernels, axis=-2), (*shape[:-1], len(kernels) * shape[-1]))


def _interleave(outputs, tile, blocks, data_format, groups):
    """Moves the kernels from the channels to their positions in the blocks.

    The first two axes stay together, so they are one axis: LiteRT transposes at most 6 axes.
    """
    rank = len(blocks)
    shape = ops.shape(outputs)
    channels = outputs.shape[-1 if data_format == "channels_last" else 1]
    filters = channels // tile**rank
    tiles = (tile,) * rank
    space = [block * tile for block in blocks]
    if data_format == "channels_last":
        split = (shape[0] * blocks[0], *blocks[1:], groups, *tiles, filters // groups)
        order = [0, rank + 1]
        for position in range(1, rank):
            order += [position, rank + 1 + position]
        order += [rank, 2 * rank + 1]
        merged = (shape[0], *space, filters)
    else:
        split = (shape[0] * groups, *tiles, filters // groups, *blocks)
        order = [0, rank + 1]
        for position in range(rank):
            order += [rank + 2 + position, 1 + position]
        merged = (shape[0], filters, *space)
    return ops.reshape(ops.transpose(ops.reshape(outputs, split), order), merged)
