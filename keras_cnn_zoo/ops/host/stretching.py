"""Stretching images with matrix products: the same numbers on every backend, without compiling per size."""

import functools

import numpy as np


def stretch(picture, height, width):
    """Resizes a float image (h, w, channels) to `height` x `width`: bilinear, antialiased when it shrinks.

    The result equals `keras.ops.image.resize` with "bilinear" and `antialias=True`, which JAX compiles again
    for every size.
    """
    if picture.shape[:2] == (height, width):
        return picture
    rows, columns = _matrix(picture.shape[0], height), _matrix(picture.shape[1], width)
    shrunk = np.tensordot(rows, picture, axes=(1, 0))
    return np.einsum("hwc,pw->hpc", shrunk, columns)


@functools.lru_cache(maxsize=1024)
def _matrix(source, target):
    """Returns (target, source) weights: triangles around new pixels, wider when the image shrinks."""
    scale = source / target
    centers = (np.arange(target) + 0.5) * scale - 0.5
    distances = np.abs(centers[:, None] - np.arange(source)) / max(scale, 1.0)
    weights = np.maximum(0.0, 1.0 - distances)
    return (weights / weights.sum(axis=1, keepdims=True)).astype("float32")
