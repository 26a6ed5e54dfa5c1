"""Conversion of tensors to NumPy."""

import keras


def to_numpy(outputs):
    """Returns a tensor of any backend and precision, including bfloat16, as a float32 NumPy array."""
    return keras.ops.convert_to_numpy(keras.ops.cast(outputs, "float32"))
