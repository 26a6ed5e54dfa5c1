"""Bilinear resizing of images before a network sees them: the same numbers on every backend.

JAX compiles `keras.ops.image.resize` again for every size of an image.
"""

import functools

import numpy as np

# Number of new rows that are computed together from an image that stays uint8.
_ROWS = 8


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


def shrunk(image, size):
    """Resizes a uint8 image (height, width, channels) as `resize` does, and rounds it to uint8.

    Only a few rows are float at a time, so an image that is much larger than `size` needs little more memory.
    """
    new = np.empty((*size, image.shape[-1]), "uint8")
    places, weights = _taps(image.shape[0], size[0])
    for start in range(0, size[0], _ROWS):
        rows = slice(start, start + _ROWS)
        part = _sums(image, 0, places[:, rows], weights[:, rows])
        new[rows] = np.rint(_along(part, 1, size[1]))
    return new


def _along(images, axis, length):
    """Resizes one axis, as a sum over the source pixels that each new pixel covers."""
    return _sums(images, axis, *_taps(images.shape[axis], length))


def _sums(images, axis, places, weights):
    """Returns weighted sums along an axis, for `places` and `weights` (taps, new length)."""
    shape = [1] * images.ndim
    shape[axis] = places.shape[1]
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
