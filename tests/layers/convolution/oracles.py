"""Convolution by loops, for the references of convolutional layers."""

import keras
import numpy as np

ACTIVATIONS = {
    None: lambda x: x,
    "relu": lambda x: np.where(x > 0, x, 0.0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "tanh": np.tanh,
}


def as_tuple(value, rank):
    return (value,) * rank if isinstance(value, int) else tuple(value)


def windows(lengths, size, strides, padding, dilation):
    """Returns the number of outputs along each axis, and the zeros before it."""
    counts, before = [], []
    for length, extent, stride, rate in zip(lengths, size, strides, dilation, strict=True):
        reach = rate * (extent - 1)
        counts.append((length - reach - 1) // stride + 1 if padding == "valid" else -(-length // stride))
        missing = max((counts[-1] - 1) * stride + reach + 1 - length, 0)
        before.append({"valid": 0, "same": missing // 2, "causal": reach}[padding])
    return counts, before


def convolved(inputs, kernel_at, size, filters, *, strides=1, padding="valid", dilation_rate=1, groups=1):
    """Returns a channels_last convolution; `kernel_at(place)` is `(*size, channels / groups, filters)`."""
    rank = len(size)
    strides, dilation = as_tuple(strides, rank), as_tuple(dilation_rate, rank)
    counts, before = windows(inputs.shape[1:-1], size, strides, padding, dilation)
    outputs = np.zeros((inputs.shape[0], *counts, filters))
    for place in np.ndindex(*counts):
        kernel = kernel_at(place)
        for tap in np.ndindex(*size):
            source = [
                index * stride + offset * rate - skipped
                for index, stride, offset, rate, skipped in zip(
                    place, strides, tap, dilation, before, strict=True
                )
            ]
            if any(not 0 <= index < length for index, length in zip(source, inputs.shape[1:-1], strict=True)):
                continue
            for example in range(inputs.shape[0]):
                parts = np.split(inputs[(example, *source)], groups)
                weights = np.split(kernel[tap], groups, axis=1)
                products = [part @ weight for part, weight in zip(parts, weights, strict=True)]
                outputs[(example, *place)] += np.concatenate(products)
    return outputs


def shared(inputs, kernel, bias=0.0, **options):
    """Returns a convolution with one shared kernel."""
    return convolved(inputs, lambda _: kernel, kernel.shape[:-2], kernel.shape[-1], **options) + bias


def in_layout(function, inputs, data_format):
    """Calls `function` on channels_last inputs; returns its output or outputs in `data_format`."""
    first = (data_format or keras.config.image_data_format()) == "channels_first"
    outputs = function(np.moveaxis(inputs, 1, -1) if first else inputs)
    if isinstance(outputs, tuple):
        return tuple(np.moveaxis(output, -1, 1) if first else output for output in outputs)
    return np.moveaxis(outputs, -1, 1) if first else outputs


def noise(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def numpy_of(tensor):
    return keras.ops.convert_to_numpy(tensor)
