"""Whether two structures of plain objects and arrays are the same, and where they first differ."""

import collections.abc
import dataclasses

import keras
import numpy as np


def difference(one, other, *, tolerance=0.0, place=""):
    """Returns None if two structures are the same, else a few words on the first place where they differ.

    Dicts, sequences, and dataclasses are compared part by part. Arrays and tensors must agree in shape and
    dtype. NaN equals NaN.

    Args:
        one: The first structure.
        other: The second structure.
        tolerance: Allowed difference of floating-point numbers, relative to the largest of their array.
        place: Words for where the structures are, for the message.
    """
    if _is_tensor(one) and _is_tensor(other):
        one, other = (keras.ops.convert_to_numpy(value) for value in (one, other))
    if isinstance(one, (float, np.floating)) and isinstance(other, (float, np.floating)):
        one, other = np.asarray(one, "float64"), np.asarray(other, "float64")
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return _of_arrays(one, other, tolerance, place)
    parts = _parts(one), _parts(other)
    if type(one) is not type(other) or (parts[0] is None) != (parts[1] is None):
        return f"{place or 'it'} is {_short(one)} against {_short(other)}"
    if parts[0] is None:
        return None if one == other else f"{place or 'it'} is {_short(one)} against {_short(other)}"
    if list(parts[0]) != list(parts[1]):
        return f"{place or 'it'} has {_short(list(parts[0]))} against {_short(list(parts[1]))}"
    for name, value in parts[0].items():
        found = difference(value, parts[1][name], tolerance=tolerance, place=f"{place}[{name!r}]")
        if found:
            return found
    return None


def _of_arrays(one, other, tolerance, place):
    if one.shape != other.shape or one.dtype != other.dtype:
        return f"{place or 'it'} is {one.dtype}{one.shape} against {other.dtype}{other.shape}"
    if one.dtype.kind not in "fc":
        same = np.array_equal(one, other)
    else:
        scale = np.abs(other[np.isfinite(other)]).max(initial=0.0)
        same = np.allclose(one, other, rtol=0.0, atol=tolerance * scale, equal_nan=True)
    return None if same else f"{place or 'it'} is {_short(one)} against {_short(other)}"


def _is_tensor(value):
    return keras.ops.is_tensor(value) or isinstance(value, keras.Variable)


def _parts(value):
    """Returns the parts of a structure by name, or None for what has no parts."""
    if isinstance(value, collections.abc.Mapping):
        return dict(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, collections.abc.Sequence) and not isinstance(value, (str, bytes)):
        return dict(enumerate(value))
    return None


def _short(value):
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else f"{text[:60]} ... ({len(text)} characters)"
