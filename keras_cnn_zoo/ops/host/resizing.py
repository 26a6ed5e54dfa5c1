"""Bilinear resizing of images before a network sees them: the same numbers on every backend.

JAX compiles `keras.ops.image.resize` again for every size of an image.
"""

import functools

import numpy as np


def resize(images, size):
    """Resizes float images (..., height, width, channels) to `size`: bilinear, antialiased when they shrink.

    The result equals `keras.ops.image.resize` with "bilinear" and `antialias=True`, to rounding.
    """
    axes = (images.ndim - 3, images.ndim - 2)
    factors = {axis: length / images.shape[axis] for axis, length in zip(axes, size, strict=True)}
    # The axis that shrinks most comes first, so that the second pass has fewer pixels.
    for axis in sorted(axes, key=factors.get):
        length = size[axis - axes[0]]
        if images.shape[axis] != length:
            images = _along(images, axis, length)
    return images


def _along(images, axis, length):
    """Resizes one axis, as a sum over the source pixels that each new pixel covers."""
    places, weights = _taps(images.shape[axis], length)
    shape = [1] * images.ndim
    shape[axis] = length
    total = 0.0
    for place, weight in zip(places, weights, strict=True):
        total = total + np.take(images, place, axis=axis) * weight.reshape(shape)
    return total


@functools.lru_cache(maxsize=1024)
def _taps(source, target):
    """Returns positions and weights (taps, target): triangles around new pixels, wider if they shrink."""
    scale = source / target
    radius = max(scale, 1.0)
    centers = (np.arange(target) + 0.5) * scale - 0.5
    first = np.ceil(centers - radius).astype("int64")
    places = first + np.arange(int(np.ceil(2 * radius)) + 1)[:, None]
    weights = np.maximum(0.0, 1.0 - np.abs(places - centers) / radius)
    weights[(places < 0) | (places >= source)] = 0.0
    weights /= weights.sum(axis=0)
    return np.clip(places, 0, source - 1), weights.astype("float32")
