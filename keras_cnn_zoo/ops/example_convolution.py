"""Convolution in which every example has kernels of its own."""

import itertools

from keras import ops


def example_convolution(inputs, kernels, *, strides, padding, dilation_rate):
    """Convolves each example of a batch with its own kernels.

    A sum over the taps of the kernel, each a batched matrix product with the input shifted to it. Unlike a
    convolution grouped by example it works with an unknown batch, and has gradients on every backend and
    device; it holds one shifted copy of the input at a time.

    Args:
        inputs: `(batch, *space, channels)`, one to three axes of space.
        kernels: `(batch, *kernel_size, channels / groups, filters)`; the groups are found from the shapes.
        strides: One integer per axis of space.
        padding: `"valid"`, `"same"` or `"causal"`, as in Keras.
        dilation_rate: One integer per axis of space.

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
    """Output length and (before, after) zeros on one axis; tensors where `size` is one."""
    if padding == "valid":
        return (size - extent) // stride + 1, (0, 0)
    length = (size + stride - 1) // stride
    if padding == "causal":
        return length, (extent - 1, 0)
    total = (length - 1) * stride + extent - size
    total = max(total, 0) if isinstance(total, int) else ops.maximum(total, 0)
    return length, (total // 2, total - total // 2)
