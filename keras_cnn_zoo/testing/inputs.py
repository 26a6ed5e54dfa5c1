"""Deterministic NumPy inputs: every value occurs once, none is zero, and magnitudes do not coincide.

Ties would make pooling gradients ambiguous, zeros would hide a forgotten epsilon, and values that repeat
would let two mixed-up positions pass for equal.
"""

import itertools

import numpy as np


def is_shape(value):
    """Returns whether a value is a flat tuple or list of integers or Nones, `()` included."""
    return isinstance(value, (tuple, list)) and all(
        item is None or isinstance(item, (int, np.integer)) for item in value
    )


def map_shapes(function, structure, *others):
    """Applies `function` to each shape in nested tuples, lists and dicts; `others` share the structure."""
    if is_shape(structure):
        return function(structure, *others)
    if isinstance(structure, dict):
        return {
            key: map_shapes(function, structure[key], *(other[key] for other in others)) for key in structure
        }
    if isinstance(structure, (tuple, list)):
        groups = zip(structure, *others, strict=True)
        return type(structure)(map_shapes(function, *group) for group in groups)
    raise TypeError(f"Expected shapes in nested tuples, lists and dicts. Received: {structure!r}")


def flatten_shapes(structure):
    """Returns the shapes in nested tuples, lists and dicts, in the order of `keras.tree.flatten`."""
    if is_shape(structure):
        return [tuple(structure)]
    items = [structure[key] for key in sorted(structure)] if isinstance(structure, dict) else structure
    return [shape for item in items for shape in flatten_shapes(item)]


def spread(shape, *, seed=0, low=-2.0, high=2.0):
    """Returns evenly spaced float64 values in [low, high], no two equal, in an order drawn from `seed`.

    The grid is shifted by an irrational part of its spacing, so that `abs` has no ties and zero is not on it.
    """
    count = int(np.prod(shape, dtype=np.int64))
    positions = (np.arange(count) + (np.sqrt(5.0) - 1.0) / 2.0) / max(count, 1)
    return np.random.default_rng(seed).permutation(low + (high - low) * positions).reshape(shape)


def make_array(shape, dtype="float32", seed=0):
    """Returns an array: floats over [-2, 2], integers 0..9, uint8 0..255, half of the booleans true."""
    shape = tuple(2 if size is None else int(size) for size in shape)
    if dtype == "bool":
        return spread(shape, seed=seed) > 0
    if dtype == "uint8":
        return np.floor(spread(shape, seed=seed, low=0, high=256)).astype("uint8")
    if str(dtype).startswith(("int", "uint")):
        return np.floor(spread(shape, seed=seed, low=0, high=10)).astype(dtype)
    return spread(shape, seed=seed).astype(dtype)


def make_inputs(input_shape, input_dtype=None, seed=0):
    """Arrays in the structure of `input_shape` (a shape, or a tuple, list or dict of shapes)."""
    if input_dtype is None or isinstance(input_dtype, str):
        one = input_dtype or "float32"
        input_dtype = map_shapes(lambda shape: one, input_shape)
    seeds = itertools.count(seed * 1000)
    return map_shapes(lambda shape, dtype: make_array(shape, dtype, next(seeds)), input_shape, input_dtype)
