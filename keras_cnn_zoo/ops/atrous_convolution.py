"""Dilated convolution as a sum of matrix products."""

import itertools

from keras import ops

from keras_cnn_zoo.utils.dtypes import at_least_float32


def atrous_convolution(inputs, kernel, rates):
    """Convolves with a dilated kernel, strides of 1, and zero padding that keeps the size.

    `keras.ops.conv` gives the same numbers. For every dilated convolution, TensorFlow moves space to the
    batch and back, which on a CPU takes 5 to 70 times as long as the products themselves (more for higher
    rates). Here each tap multiplies only the part of the map that it overlaps. A tap that overlaps only
    padding costs nothing.

    Args:
        inputs: `(batch, height, width, channels)`; height and width may be unknown.
        kernel: `(kernel_height, kernel_width, channels, filters)`.
        rates: Two integers.

    Returns:
        `(batch, height, width, filters)` in the dtype of `inputs`, summed in at least float32.
    """
    space = ops.shape(inputs)[1:3]
    outputs = 0
    for tap in itertools.product(*map(range, kernel.shape[:2])):
        windows, pads = [slice(None)], [(0, 0)]
        for place, taps, rate, size in zip(tap, kernel.shape[:2], rates, space, strict=True):
            # If the number of zeros is odd, the smaller half comes first, as in Keras.
            window, pad = _overlap(place * rate - (taps - 1) * rate // 2, size)
            windows.append(window)
            pads.append(pad)
        if None in windows:
            continue
        product = ops.einsum("nhwc,cf->nhwf", inputs[tuple(windows)], kernel[tap])
        outputs = outputs + ops.pad(ops.cast(product, at_least_float32(inputs.dtype)), [*pads, (0, 0)])
    return ops.cast(outputs, inputs.dtype)


def _overlap(shift, size):
    """Returns the slice of an axis that a tap shifted by `shift` overlaps, and the zeros (before, after).

    The slice is None if there is no overlap. If `size` is a tensor, it may be an empty slice.
    """
    if shift == 0:
        return slice(None), (0, 0)
    if isinstance(size, int):
        if abs(shift) >= size:
            return None, None
        length = abs(shift)
    else:
        length = ops.minimum(abs(shift), size)
    return (slice(length, None), (0, length)) if shift > 0 else (slice(None, size - length), (length, 0))
