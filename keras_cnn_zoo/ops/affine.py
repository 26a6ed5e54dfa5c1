"""Outputs of dense and convolutional layers before the activation, as functions of a kernel and a bias.

A kernel or bias with one more axis, the first, holds one kernel or bias per example:

    inputs (batch, ..., in), kernel (in, out) or (batch, in, out)           → (batch, ..., out)
    inputs (batch, *space, in), kernel ([batch,] *kernel_size, in, out)     → (batch, *new_space, out)
"""

from keras import ops

from keras_cnn_zoo.ops import windows
from keras_cnn_zoo.ops.example_convolution import example_convolution

LETTERS = "abcdefgh"


def dense(inputs, kernel, bias=None):
    """Returns `inputs @ kernel + bias`."""
    # Not `keras.ops.matmul`, which computes float64 in float32 on PyTorch. Every axis is named, because with
    # "..." TensorFlow computes the kernel's gradient as a sum of outer products.
    rows = LETTERS[: len(inputs.shape) - 1]
    examples = rows[0] if len(kernel.shape) == 3 else ""
    return add_bias(ops.einsum(f"{rows}i,{examples}io->{rows}o", inputs, kernel), bias)


def convolution(inputs, kernel, bias=None, *, strides, padding, data_format, dilation_rate):
    """Returns the convolution of `inputs` plus `bias`; 1D convolutions also allow "causal" padding."""
    rank = len(inputs.shape) - 2
    if len(kernel.shape) > rank + 2:
        return add_bias(
            _convolution_by_example(inputs, kernel, strides, padding, data_format, dilation_rate),
            bias,
            data_format,
        )
    if padding == "causal":
        (steps,) = windows.spatial_axes(1, data_format)
        inputs = windows.pad_axes(inputs, {steps: (dilation_rate[0] * (kernel.shape[0] - 1), 0)})
        padding = "valid"
    return add_bias(ops.conv(inputs, kernel, strides, padding, data_format, dilation_rate), bias, data_format)


def _convolution_by_example(inputs, kernels, strides, padding, data_format, dilation_rate):
    rank = len(inputs.shape)
    first = data_format == "channels_first"
    if first:
        inputs = ops.transpose(inputs, (0, *range(2, rank), 1))
    outputs = example_convolution(
        inputs, kernels, strides=strides, padding=padding, dilation_rate=dilation_rate
    )
    return ops.transpose(outputs, (0, rank - 1, *range(1, rank - 1))) if first else outputs


def add_bias(outputs, bias, data_format="channels_last"):
    """Returns the outputs plus one number per channel, or the outputs unchanged if `bias` is None.

    The bias is reshaped first. If the last axis of a "channels_first" tensor is as long as its channel axis,
    `keras.ops.add` on TensorFlow adds the bias along the last axis (Keras 3.15).
    """
    if bias is None:
        return outputs
    if len(bias.shape) == 1 and data_format == "channels_last":
        return outputs + bias
    shape = [1] * len(outputs.shape)
    shape[1 if data_format == "channels_first" else -1] = bias.shape[-1]
    if len(bias.shape) == 2:
        shape[0] = ops.shape(outputs)[0]
    return outputs + ops.reshape(bias, shape)
