"""Dtypes for computation."""

import keras


def at_least_float32(dtype):
    """Returns the dtype for logs, roots, powers, and statistics: float64 for float64, else float32.

    `keras.backend.result_type(dtype, "float32")` is float32 for float64 on JAX and PyTorch.
    """
    return "float64" if keras.backend.standardize_dtype(dtype) == "float64" else "float32"
