"""Pooling by powers and by chance, safe over the whole range of the dtype."""

import math

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.ops import windows

LARGEST_POWER = 1e30  # above it the result equals the maximum in every dtype


def lp_pool(inputs, pool_size, strides, padding, data_format, *, p=2.0, normalize=False):
    """`(sum abs(a)^p)^(1/p)` over windows, or with the mean in place of the sum. `p` may be infinite."""
    axes = windows.spatial_axes(len(pool_size), data_format)
    shape, dtype = ops.shape(inputs), inputs.dtype
    inputs = windows.at_least_float32(inputs)
    inputs = windows.pad_windows(inputs, pool_size, strides, padding, axes)
    if p > LARGEST_POWER:
        return ops.cast(_max_pool(ops.abs(inputs), pool_size, strides, axes, data_format), dtype)
    size = math.prod(pool_size)
    factor = _factor(shape, pool_size, strides, padding, axes, inputs.dtype, p, normalize)
    if p == 1 and _has_kernel(inputs, pool_size):
        outputs = ops.average_pool(ops.abs(inputs), pool_size, strides, "valid", data_format) * factor
    else:
        outputs = _power_mean(inputs, pool_size, strides, axes, data_format, p, factor)
    return ops.cast(outputs, dtype)


def _factor(shape, size, strides, padding, axes, dtype, p, normalize):
    """What turns the mean over a window with its padding into the result."""
    count = math.prod(size)
    if normalize:
        ratio = count / windows.window_counts(shape, size, strides, padding, axes, dtype)
        return ratio if isinstance(ratio, float) else _root(ratio, p)
    # Capped, because an infinite factor would turn an empty window into NaN.
    return min(math.exp(min(math.log(count) / p, 700.0)), float(np.finfo(_name(dtype)).max))


def stochastic_pool(inputs, pool_size, strides, padding, data_format, *, seed):
    """One entry of each window, drawn with probability proportional to its positive part."""
    axes = windows.spatial_axes(len(pool_size), data_format)
    dtype = inputs.dtype
    inputs = windows.pad_windows(inputs, pool_size, strides, padding, axes)
    entries = windows.window_entries(windows.at_least_float32(inputs), pool_size, strides, axes)
    cumulative = []
    for entry in entries:
        weight = ops.relu(ops.stop_gradient(entry))
        cumulative.append(cumulative[-1] + weight if cumulative else weight)
    draw = keras.random.uniform(ops.shape(cumulative[-1]), dtype="float32", seed=seed)
    # In (0, total], so that the entry where the cumulative weight first reaches it has a positive weight, and
    # no entry qualifies where the total is 0.
    threshold = (1.0 - ops.cast(draw, cumulative[-1].dtype)) * cumulative[-1]
    reached = [threshold > 0, *(weight < threshold for weight in cumulative[:-1])]
    outputs = None
    for entry, here, later in zip(entries, reached, [*reached[1:], None], strict=True):
        chosen = here if later is None else ops.not_equal(here, later)
        term = entry * ops.cast(chosen, entry.dtype)
        outputs = term if outputs is None else outputs + term
    return ops.cast(outputs, dtype)


def stochastic_pool_mean(inputs, pool_size, strides, padding, data_format):
    """The mean of `stochastic_pool` over its draws, `sum a^2 / sum a` of the positive parts."""
    axes = windows.spatial_axes(len(pool_size), data_format)
    dtype = inputs.dtype
    inputs = windows.pad_windows(inputs, pool_size, strides, padding, axes)
    inputs = ops.relu(windows.at_least_float32(inputs))
    quadratic = _power_mean(inputs, pool_size, strides, axes, data_format, 2, 1.0)
    mean = _power_mean(inputs, pool_size, strides, axes, data_format, 1, 1.0)
    # Neither factor leaves the range of the dtype, where the squares would.
    return ops.cast(quadratic * (quadratic / (mean + _empty(mean))), dtype)


def _power_mean(inputs, size, strides, axes, data_format, p, factor):
    """`factor (mean abs(a)^p)^(1/p)` over windows without padding, every window scaled by its own largest entry.

    The scale needs no gradient, because the result does not depend on it. So nothing overflows, and what
    underflows is negligible beside the largest entry.
    """
    if tuple(size) == tuple(strides) and _has_kernel(inputs, size):
        return _power_mean_of_tiles(inputs, size, axes, data_format, p, factor)
    # Windows that overlap have no common scale, but a mean over a box is a mean over its axes in turn.
    for axis, extent, stride in zip(axes, size, strides, strict=True):
        if extent == stride == 1:
            continue
        entries = windows.window_entries(inputs, (extent,), (stride,), (axis,))
        scale = ops.stop_gradient(ops.max(ops.abs(ops.stack(entries)), axis=0))
        empty = _empty(scale)
        divisor = scale + empty
        total = empty * extent
        for entry in entries:
            total = total + _power(entry / divisor, p)
        inputs = scale * _root(total / extent, p)
    return inputs * factor


def _power_mean_of_tiles(inputs, size, axes, data_format, p, factor):
    shape = ops.shape(inputs)
    for axis, extent in zip(axes, size, strict=True):
        if not isinstance(shape[axis], int) or shape[axis] % extent:
            inputs = windows.take_range(inputs, axis, 0, shape[axis] // extent * extent)
    scale = _max_pool(ops.stop_gradient(ops.abs(inputs)), size, size, axes, data_format)
    empty = _empty(scale)
    scaled = _power(_divide_tiles(inputs, scale + empty, size, axes), p)
    return (scale * factor) * _root(ops.average_pool(scaled, size, size, "valid", data_format) + empty, p)


def _max_pool(inputs, size, strides, axes, data_format):
    if _has_kernel(inputs, size):
        return ops.max_pool(inputs, size, strides, "valid", data_format)
    for axis, extent, stride in zip(axes, size, strides, strict=True):
        entries = windows.window_entries(inputs, (extent,), (stride,), (axis,))
        inputs = ops.max(ops.stack(entries), axis=0)
    return inputs


def _has_kernel(inputs, size):
    """Whether Keras can pool these inputs: TensorFlow cannot in three dimensions and float64."""
    return len(size) < 3 or _name(inputs.dtype) != "float64"


def _divide_tiles(inputs, divisors, size, axes):
    """Divides every tile of `inputs` by its divisor; a largest entry divided by itself is exactly 1.

    Broadcasting over the split axes is cheaper than repeating the divisors. TensorFlow broadcasts at most two
    axes between three others, so a third is repeated.
    """
    for axis, extent in list(zip(axes, size, strict=True))[:-2]:
        divisors = ops.repeat(divisors, extent, axis=axis)
    split, spread = [], []
    shape = ops.shape(inputs)
    for axis, length in enumerate(shape):
        extent = size[axes.index(axis)] if axis in axes[-2:] else 1
        if extent == 1:
            split.append(length)
            spread.append(length)
        else:
            split += [length // extent, extent]
            spread += [length // extent, 1]
    return ops.reshape(ops.reshape(inputs, split) / ops.reshape(divisors, spread), shape)


def _empty(scale):
    """1.0 where a window holds only zeros or subnormal numbers, else 0.0: added where 0 must not divide."""
    tiny = float(np.finfo(_name(scale.dtype)).tiny)
    return ops.cast(ops.stop_gradient(scale) < tiny, scale.dtype)


def _power(ratio, p):
    """`abs(ratio)^p` for ratios in [-1, 1], with a gradient of 0 at 0."""
    if p == 2:
        return ops.square(ratio)
    ratio = ops.abs(ratio)
    if p == 1:
        return ratio
    if p == int(p) and p <= 16:
        return ratio ** int(p)
    # Twice as fast as `power` on a CPU, and exact to rounding: where the logarithm is large the power is
    # small.
    if p > 1:
        return ops.exp(p * ops.log(ratio + float(np.finfo(_name(ratio.dtype)).tiny)))
    positive = ops.cast(ops.stop_gradient(ratio) > 0, ratio.dtype)
    return ops.exp(p * ops.log(ratio + (1.0 - positive))) * positive


def _root(mean, p):
    """`mean^(1/p)` for positive means."""
    if p == 1:
        return mean
    return ops.sqrt(mean) if p == 2 else ops.exp(ops.log(mean) / p)


def _name(dtype):
    return keras.backend.standardize_dtype(dtype)
