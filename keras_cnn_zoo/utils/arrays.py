"""Conversion of tensors to NumPy."""

import keras


def to_numpy(outputs):
    """Returns a tensor of any backend and precision, including bfloat16, as a float32 NumPy array."""
    return keras.ops.convert_to_numpy(keras.ops.cast(outputs, "float32"))


def in_eager_mode(tensor):
    """Returns the value of a tensor as a NumPy array, or None while a function is traced or compiled."""
    if isinstance(tensor, keras.KerasTensor):
        return None
    try:
        return keras.ops.convert_to_numpy(tensor)
    except (AttributeError, NotImplementedError, RuntimeError, TypeError, ValueError):
        return None
