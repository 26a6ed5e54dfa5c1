"""Pooling windows by loops, for the references of the pooling layers."""

import keras
import numpy as np


def as_tuple(value, rank):
    return (value,) * rank if isinstance(value, int) else tuple(value)


def pooled(inputs, function, *, pool_size=2, strides=None, padding="valid", data_format=None):
    """Returns `function` of the entries of every window, without padding."""
    first = (data_format or keras.config.image_data_format()) == "channels_first"
    inputs = np.moveaxis(inputs, 1, -1) if first else inputs
    lengths = inputs.shape[1:-1]
    size = as_tuple(pool_size, len(lengths))
    step = size if strides is None else as_tuple(strides, len(lengths))
    counts, before = [], []
    for length, extent, stride in zip(lengths, size, step, strict=True):
        if padding == "valid":
            counts.append((length - extent) // stride + 1)
            before.append(0)
        else:
            counts.append(int(np.ceil(length / stride)))
            before.append(max((counts[-1] - 1) * stride + extent - length, 0) // 2)
    outputs = np.zeros((inputs.shape[0], *counts, inputs.shape[-1]))
    for place in np.ndindex(outputs.shape):
        ranges = []
        for index, extent, stride, skipped, length in zip(
            place[1:-1], size, step, before, lengths, strict=True
        ):
            start = index * stride - skipped
            ranges.append(slice(max(start, 0), min(start + extent, length)))
        outputs[place] = function(inputs[(place[0], *ranges, place[-1])].ravel())
    return np.moveaxis(outputs, -1, 1) if first else outputs
