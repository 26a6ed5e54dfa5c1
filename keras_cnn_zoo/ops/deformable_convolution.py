"""Deformable convolution: each tap reads the input at a learned offset."""

from keras import ops

from keras_cnn_zoo.ops import windows
from keras_cnn_zoo.ops.boxes import take_rows
from keras_cnn_zoo.ops.extremes import at_least_zero
from keras_cnn_zoo.utils.autodiff import unstack
from keras_cnn_zoo.utils.dtypes import at_least_float32


def deformable_convolution(
    inputs, kernel, offsets, modulation=None, *, strides, padding, dilation_rate=(1, 1)
):
    """Convolves with taps that each read the input at their grid position plus an offset.

    The input is interpolated bilinearly between pixels and is 0 outside. At an integer position, where the
    slopes of two cells meet, the derivative is the one toward larger positions on every backend. Offsets may
    have any size. Positions are computed in at least float32.

    The four corners of each sample are gathered from the flat map. On a CPU, a single gather from a map with
    its 2 x 2 neighborhoods as channels took 1.3 times as long, and products with matrices of bilinear weights
    took ten times as long on a map of 28 x 28.

    Args:
        inputs: tensor (batch, height, width, channels).
        kernel: tensor (kernel_height, kernel_width, channels / groups, filters); the number of groups
            follows from the shapes.
        offsets: tensor (batch, new_height, new_width, 2 * offset_groups * taps) in pixels: down and right for
            each offset group and tap, in row-major order. Group `g` moves the `g`-th part of the channels;
            the number of groups follows from the shape.
        modulation: tensor (batch, new_height, new_width, offset_groups * taps), a factor per sample; None
            for 1.
        strides: two integers.
        padding: "valid" or "same".
        dilation_rate: two integers. Defaults to 1.

    Returns:
        A tensor (batch, new_height, new_width, filters) in the dtype of `inputs`.
    """
    size, filters = tuple(kernel.shape[:2]), kernel.shape[-1]
    taps, channels = size[0] * size[1], inputs.shape[-1]
    offset_groups = offsets.shape[-1] // (2 * taps)
    batch, height, width = ops.shape(inputs)[:3]
    rows, columns = ops.shape(offsets)[1:3]

    offsets = ops.cast(offsets, at_least_float32(offsets.dtype))
    offsets = ops.reshape(offsets, (batch, rows, columns, offset_groups, *size, 2))
    move_down, move_right = unstack(offsets, 2)
    places = [
        _places(length, count, extent, stride, padding, dilation, offsets.dtype)
        for length, count, extent, stride, dilation in zip(
            (height, width), (rows, columns), size, strides, dilation_rate, strict=True
        )
    ]
    down = ops.reshape(places[0], (1, rows, 1, 1, size[0], 1)) + move_down
    right = ops.reshape(places[1], (1, 1, columns, 1, 1, size[1])) + move_right
    (top, below), (left, beside) = _cell(down, height), _cell(right, width)
    weights = [(1 - below) * (1 - beside), (1 - below) * beside, below * (1 - beside), below * beside]
    if modulation is not None:
        factor = ops.reshape(
            ops.cast(modulation, offsets.dtype), (batch, rows, columns, offset_groups, *size)
        )
        weights = [weight * factor for weight in weights]

    def by_group(values):
        """Returns (batch * offset_groups, positions, taps) from one value per sample."""
        values = ops.reshape(values, (batch, rows * columns, offset_groups, taps))
        if offset_groups > 1:
            values = ops.transpose(values, (0, 2, 1, 3))
        return ops.reshape(values, (batch * offset_groups, rows * columns, taps))

    pixels = _padded_pixels(inputs, batch, height, width, offset_groups)
    row = width + 2
    first = by_group(top * row + left)
    samples = 0
    for step, weight in zip((0, 1, row, row + 1), weights, strict=True):
        weight = ops.expand_dims(ops.cast(by_group(weight), inputs.dtype), -1)
        samples = samples + take_rows(pixels, first + step) * weight
    if offset_groups > 1:
        parted = (batch, offset_groups, rows * columns, taps, channels // offset_groups)
        samples = ops.transpose(ops.reshape(samples, parted), (0, 2, 3, 1, 4))

    groups = channels // kernel.shape[2]
    if groups == 1:
        samples = ops.reshape(samples, (batch, rows, columns, taps * channels))
        return ops.einsum("bhwk,kf->bhwf", samples, ops.reshape(kernel, (taps * channels, filters)))
    samples = ops.reshape(samples, (batch, rows * columns, taps, groups, channels // groups))
    kernel = ops.reshape(kernel, (taps, channels // groups, groups, filters // groups))
    outputs = ops.einsum("bptgi,tigf->bpgf", samples, kernel)
    return ops.reshape(outputs, (batch, rows, columns, filters))


def _places(length, count, extent, stride, padding, dilation, dtype):
    """Returns the position of each tap of each window along one axis, (count, extent)."""
    before, _ = windows.padding_amounts(length, extent, stride, padding, dilation)
    starts = ops.arange(count, dtype="int32") * stride - before
    steps = ops.arange(extent, dtype="int32") * dilation
    return ops.cast(ops.expand_dims(starts, 1) + ops.expand_dims(steps, 0), dtype)


def _cell(position, length):
    """Returns the pixel before each position on one axis, counted from the padding, and the remainder.

    A position that no pixel reaches gets (0, 0), which is the padding. NaN gets (0, NaN).
    """
    position = position + 1
    unseen = ops.logical_or(position < 0, position >= ops.cast(length + 1, position.dtype))
    position = ops.where(unseen, ops.zeros_like(position), position)
    before = at_least_zero(ops.cast(position, "int32"))  # NaN becomes any integer.
    return before, position - ops.cast(before, position.dtype)


def _padded_pixels(inputs, batch, height, width, offset_groups):
    """Pads the map with one pixel of zeros; (batch * offset_groups, pixels, channels / offset_groups)."""
    pixels = ops.pad(inputs, [(0, 0), (1, 1), (1, 1), (0, 0)])
    channels, count = inputs.shape[-1] // offset_groups, (height + 2) * (width + 2)
    if offset_groups > 1:
        pixels = ops.reshape(pixels, (batch, count, offset_groups, channels))
        pixels = ops.transpose(pixels, (0, 2, 1, 3))
    return ops.reshape(pixels, (batch * offset_groups, count, channels))
