"""Convolution with separate kernels for each example."""

import itertools

from keras import ops


def example_convolution(inputs, kernels, *, strides, padding, dilation_rate):
    """Convolves each example of a batch with its own kernels.

    It sums over the kernel's taps. Each tap is a batched matrix product with a shifted input. Unlike a
    convolution grouped by example, it works with an unknown batch size and has gradients on every backend and
    device. It holds one shifted copy of the input at a time.

    Args:
        inputs: `(batch, *space, channels)`, one to three spatial axes.
        kernels: `(batch, *kernel_size, channels / groups, filters)`; the number of groups follows from the
            shapes.
        strides: One integer per spatial axis.
        padding: `"valid"`, `"same"`, or `"causal"`, as in Keras.
        dilation_rate: One integer per spatial axis.

    Returns:
        `(batch, *new_space, filters)`.
    """
    kernel_size, (group_channels, filters) = kernels.shape[1:-2], kernels.shape[-2:]
    groups = inputs.shape[-1] // group_channels
    batch, *space = ops.shape(inputs)[:-1]
    lengths, pads = [], []
    for size, taps, stride, dilation in zip(space, kernel_size, strides, dilation_rate, strict=True):
        length, pad = _length_and_pad(size, (taps - 1) * dilation + 1, stride, padding)
        lengths.append(length)
        pads.append(pad)
    if padding != "valid":
        inputs = ops.pad(inputs, [(0, 0), *pads, (0, 0)])

    outputs = 0
    for tap in itertools.product(*map(range, kernel_size)):
        window = tuple(
            slice(offset * dilation, offset * dilation + (length - 1) * stride + 1, stride)
            for offset, dilation, length, stride in zip(tap, dilation_rate, lengths, strides, strict=True)
        )
        shifted = ops.reshape(inputs[(slice(None), *window)], (batch, -1, groups, group_channels))
        kernel = ops.reshape(kernels[(slice(None), *tap)], (batch, group_channels, groups, filters // groups))
        outputs = outputs + ops.einsum("npgi,nigf->npgf", shifted, kernel)
    return ops.reshape(outputs, (batch, *lengths, filters))


def _length_and_pad(size, extent, stride, padding):
    """Returns the output length and (before, after) zeros on one axis; tensors if `size` is a tensor."""
    if padding == "valid":
        return (size - extent) // stride + 1, (0, 0)
    length = (size + stride - 1) // stride
    if padding == "causal":
        return length, (extent - 1, 0)
    total = (length - 1) * stride + extent - size
    total = max(total, 0) if isinstance(total, int) else ops.maximum(total, 0)
    return length, (total // 2, total - total // 2)
