"""Stretching pictures as matrix products: the same numbers on every backend, and no compiling per size."""

import functools

import numpy as np


def stretch(picture, height, width):
    """A float picture (h, w, channels) at `height` x `width`: bilinear, antialiased where it shrinks.

    The numbers of `keras.ops.image.resize` with "bilinear" and `antialias=True`, which compiles anew for
    every size on JAX.
    """
    if picture.shape[:2] == (height, width):
        return picture
    rows, columns = _matrix(picture.shape[0], height), _matrix(picture.shape[1], width)
    shrunk = np.tensordot(rows, picture, axes=(1, 0))
    return np.einsum("hwc,pw->hpc", shrunk, columns)


@functools.lru_cache(maxsize=1024)
def _matrix(source, target):
    """(target, source) weights: triangles about each new pixel's centre, wider where the picture shrinks."""
    scale = source / target
    centres = (np.arange(target) + 0.5) * scale - 0.5
    distances = np.abs(centres[:, None] - np.arange(source)) / max(scale, 1.0)
    weights = np.maximum(0.0, 1.0 - distances)
    return (weights / weights.sum(axis=1, keepdims=True)).astype("float32")
