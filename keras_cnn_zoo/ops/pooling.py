"""Lp and stochastic pooling without overflow or underflow in the dtype's range.

Windows that overlap: inputs (batch, *space, channels) -> pad to whole windows -> per axis, `extent` tensors,
one per position in the window -> elementwise operations -> (batch, *windows, channels).

Windows that tile the map: inputs -> pad and crop to whole tiles -> divide each tile by its largest magnitude
-> one of the backend's pooling kernels -> times that magnitude -> (batch, *tiles, channels).
"""

import itertools
import math

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.ops import planes, windows
from keras_cnn_zoo.utils.autodiff import masked

LARGEST_POWER = 1e30  # above this, the result equals the maximum in every dtype


def lp_pool(inputs, pool_size, strides, padding, data_format, *, p=2.0, normalize=False):
    """Returns `(sum abs(a)^p)^(1/p)` per window; `normalize` takes the mean instead of the sum.

    `p` may be infinite.
    """
    axes = windows.spatial_axes(len(pool_size), data_format)
    shape, dtype = ops.shape(inputs), inputs.dtype
    inputs = windows.as_float32(inputs)
    inputs = windows.pad_windows(inputs, pool_size, strides, padding, axes)
    if p > LARGEST_POWER:
        return ops.cast(planes.pool(ops.max_pool, _magnitude(inputs), pool_size, strides, data_format), dtype)
    factor = _factor(shape, pool_size, strides, padding, axes, inputs.dtype, p, normalize)
    if p == 1:
        outputs = planes.pool(ops.average_pool, _magnitude(inputs), pool_size, strides, data_format) * factor
    else:
        outputs = _power_mean(inputs, pool_size, strides, axes, data_format, p, factor)
    return ops.cast(outputs, dtype)


def _factor(shape, size, strides, padding, axes, dtype, p, normalize):
    """Returns the factor from the power mean over a window with its padding to the result."""
    count = math.prod(size)
    if normalize:
        ratio = count / windows.window_counts(shape, size, strides, padding, axes, dtype)
        return ratio if isinstance(ratio, float) else _root(ratio, p)
    # Capped, because an infinite factor would turn a window of zeros into NaN.
    return min(math.exp(min(math.log(count) / p, 700.0)), float(np.finfo(_name(dtype)).max))


def stochastic_pool(inputs, pool_size, strides, padding, data_format, *, seed):
    """Draws one entry per window, with probability proportional to its positive part."""
    axes = windows.spatial_axes(len(pool_size), data_format)
    dtype = inputs.dtype
    inputs = windows.as_float32(inputs)
    inputs = windows.pad_windows(inputs, pool_size, strides, padding, axes)
    if tuple(pool_size) == tuple(strides) and math.prod(pool_size) > 1:
        inputs = windows.crop_to_tiles(inputs, pool_size, axes)
        weights = windows.window_entries(ops.relu(ops.stop_gradient(inputs)), pool_size, strides, axes)
        masks = _draw(weights, seed)
        if keras.backend.backend() == "tensorflow":
            return ops.cast(_picked(inputs, weights, masks, pool_size, axes), dtype)
        # With all other entries masked, the drawn one is the maximum, or a masked 0 if none is positive. The
        # backward pass of this kernel does less work than that of the sum below.
        drawn = inputs * ops.cast(windows.join_tiles(masks, pool_size, axes), inputs.dtype)
        return ops.cast(ops.max_pool(drawn, pool_size, strides, "valid", data_format), dtype)
    entries = [ops.relu(entry) for entry in windows.window_entries(inputs, pool_size, strides, axes)]
    outputs = 0.0
    for entry, mask in zip(
        entries, _draw([ops.stop_gradient(entry) for entry in entries], seed), strict=True
    ):
        outputs = outputs + entry * ops.cast(mask, entry.dtype)
    return ops.cast(outputs, dtype)


def _draw(weights, seed):
    """Returns a mask per entry, true where it is drawn; each window draws one entry by weight."""
    # The sum may overflow. A power of two changes no digit.
    share = 2.0 ** -math.ceil(math.log2(len(weights)))
    cumulative = [weights[0] * share]
    for weight in weights[1:]:
        cumulative.append(cumulative[-1] + weight * share)
    total = cumulative.pop()
    draw = keras.random.uniform(ops.shape(total), dtype="float32", seed=seed)
    # The draw is below 1, so the threshold is below the total. So the first entry whose cumulative weight
    # exceeds the threshold has a positive weight.
    threshold = ops.cast(draw, total.dtype) * total
    passed = [weight <= threshold for weight in cumulative]
    if not passed:
        return [ops.ones_like(total, dtype="bool")]
    between = [ops.not_equal(here, later) for here, later in itertools.pairwise(passed)]
    return [ops.logical_not(passed[0]), *between, passed[-1]]


def _picked(inputs, weights, masks, size, axes):
    """Returns the drawn entry of every tile, with a custom gradient.

    Forward it is a sum of products; backward it broadcasts the gradient and masks it. TensorFlow's own
    gradient of the sum would join the tiles entry by entry, and its gradient of a maximum would search every
    tile again.
    """
    # A tile without a positive entry draws its last entry, but returns 0 and gets no gradient.
    masks = [*masks[:-1], ops.logical_and(masks[-1], weights[-1] > 0)]

    @ops.custom_gradient
    def picked(inputs):
        def backward(upstream):
            mask = ops.cast(windows.join_tiles(masks, size, axes), upstream.dtype)
            return _with_tiles(masked, mask, upstream, size, axes)

        entries = zip(weights, masks, strict=True)
        return sum(weight * ops.cast(mask, weight.dtype) for weight, mask in entries), backward

    return picked(inputs)


def stochastic_pool_mean(inputs, pool_size, strides, padding, data_format):
    """Returns the mean of `stochastic_pool` over its draws, `sum a^2 / sum a` of the positive parts."""
    axes = windows.spatial_axes(len(pool_size), data_format)
    dtype = inputs.dtype
    inputs = ops.relu(windows.as_float32(inputs))
    inputs = windows.pad_windows(inputs, pool_size, strides, padding, axes)
    # Every factor stays in the range of the dtype; the squares would not.
    if tuple(pool_size) == tuple(strides):
        ratios, scale = _scale_tiles(inputs, pool_size, axes, data_format)
        square, mean = (
            planes.pool(ops.average_pool, power, pool_size, strides, data_format)
            for power in (ops.square(ratios), ratios)
        )
        outputs = scale * (square / (mean + _tiny(scale)))
    else:
        quadratic, mean = (
            _power_mean(inputs, pool_size, strides, axes, data_format, p, factor=1.0) for p in (2, 1)
        )
        outputs = quadratic * (quadratic / _positive(mean))
    return ops.cast(outputs, dtype)


def _power_mean(inputs, size, strides, axes, data_format, p, factor):
    """Returns `factor (mean abs(a)^p)^(1/p)` per window without padding.

    Each window is first divided by its largest magnitude. Then nothing overflows, and what underflows is
    negligible. The result does not depend on this scale, so the scale needs no gradient.
    """
    if tuple(size) == tuple(strides):
        return _power_mean_of_tiles(inputs, size, axes, data_format, p, factor)
    # Windows that overlap have no common scale, so take the mean over one axis after another.
    inputs = _magnitude(inputs)
    for axis, extent, stride in zip(axes, size, strides, strict=True):
        if extent == stride == 1:
            continue
        entries = windows.window_entries(inputs, (extent,), (stride,), (axis,))
        scale = ops.stop_gradient(ops.max(ops.stack(entries), axis=0))
        divisor = _positive(scale)
        total = sum(_power(entry / divisor, p) for entry in entries)
        inputs = scale * _root(total / extent + _tiny(scale), p)
    return inputs * factor


def _power_mean_of_tiles(inputs, size, axes, data_format, p, factor):
    ratios, scale = _scale_tiles(inputs, size, axes, data_format)
    mean = planes.pool(ops.average_pool, _power(ratios, p), size, size, data_format)
    # In this order, because the scale times the factor may overflow.
    return scale * (factor * _root(mean + _tiny(scale), p))


def _scale_tiles(inputs, size, axes, data_format):
    """Returns every tile divided by its largest magnitude, and these magnitudes without gradient.

    The largest entry divided by itself is exactly 1.
    """
    inputs = windows.crop_to_tiles(inputs, size, axes)
    scale = planes.pool(ops.max_pool, ops.stop_gradient(ops.abs(inputs)), size, size, data_format)
    return _with_tiles(ops.divide, inputs, _positive(scale), size, axes), scale


def _with_tiles(operation, inputs, values, size, axes):
    """Applies `operation` to every tile of `inputs` and its value.

    Broadcasting over the split axes is cheaper than repeating the values. TensorFlow broadcasts at most two
    of the axes, so in 3D the first one is repeated.
    """
    for axis, extent in list(zip(axes, size, strict=True))[:-2]:
        values = ops.repeat(values, extent, axis=axis)
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
    return ops.reshape(operation(ops.reshape(inputs, split), ops.reshape(values, spread)), shape)


def _magnitude(inputs):
    """Returns `abs` with a gradient of 0 at 0, where JAX has 1."""
    return inputs * ops.stop_gradient(ops.sign(inputs))


def _tiny(tensor):
    """Returns the smallest normal number of the dtype.

    Added to a mean in [1/n, 1] it changes nothing, but keeps the gradient of the root finite in a window of
    zeros.
    """
    return float(np.finfo(_name(tensor.dtype)).tiny)


def _positive(scale):
    """Returns the scale, or a positive number to divide by in a window of zeros."""
    tiny = _tiny(scale)
    if _name(scale.dtype) == "float64":  # PyTorch would compute the maximum in float32.
        return scale + ops.cast(ops.stop_gradient(scale) < tiny, scale.dtype)
    return ops.maximum(scale, tiny)


def _power(ratio, p):
    """Returns `abs(ratio)^p` for ratios in [-1, 1], with a gradient of 0 at 0."""
    if p == 2:
        return ops.square(ratio)
    ratio = _magnitude(ratio)
    if p == 1:
        return ratio
    if p == int(p) and p <= 16:
        return ratio ** int(p)
    # Twice as fast as `power` on a CPU, and exact to rounding: if the logarithm is large, the power is small.
    if p > 1:
        return ops.exp(p * ops.log(ratio + _tiny(ratio)))
    # True for NaN, because XLA makes a selection of the product.
    positive = ops.cast(ops.logical_not(ops.stop_gradient(ratio) <= 0), ratio.dtype)
    return ops.exp(p * ops.log(ratio + (1.0 - positive))) * positive


def _root(mean, p):
    """Returns `mean^(1/p)` for positive means."""
    if p == 1:
        return mean
    return ops.sqrt(mean) if p == 2 else ops.exp(ops.log(mean) / p)


def _name(dtype):
    return keras.backend.standardize_dtype(dtype)
