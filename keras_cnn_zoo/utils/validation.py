"""One-line argument checks. Each returns the value in its canonical form or raises ValueError.

Messages follow Keras: first the requirement, then the received value.
"""

import math
import numbers

import keras


def fail(name, requirement, value):
    """Raises the ValueError that all checks share."""
    raise ValueError(f"`{name}` must be {requirement}. Received: {name}={value!r}")


def _is_integer(value):
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def positive_integer(name, value, *, optional=False):
    """Checks for an integer of at least 1, or None if `optional`."""
    if optional and value is None:
        return None
    if not _is_integer(value) or value < 1:
        fail(name, "a positive integer" + (" or None" if optional else ""), value)
    return int(value)


def non_negative_integer(name, value, *, optional=False):
    """Checks for an integer of at least 0, or None if `optional`."""
    if optional and value is None:
        return None
    if not _is_integer(value) or value < 0:
        fail(name, "a non-negative integer" + (" or None" if optional else ""), value)
    return int(value)


def integer(name, value, *, optional=False):
    """Checks for an integer, or None if `optional`."""
    if optional and value is None:
        return None
    if not _is_integer(value):
        fail(name, "an integer" + (" or None" if optional else ""), value)
    return int(value)


def finite_number(name, value, *, minimum=None, maximum=None, above=None, below=None):
    """Checks for a finite number; `minimum` and `maximum` are inclusive, `above` and `below` exclusive."""
    limits = []
    for word, bound in (("at least", minimum), ("at most", maximum), ("above", above), ("below", below)):
        if bound is not None:
            limits.append(f"{word} {bound}")
    requirement = "a finite number" + (" " + " and ".join(limits) if limits else "")
    if (
        not _is_number(value)
        or not math.isfinite(value)
        or (minimum is not None and value < minimum)
        or (maximum is not None and value > maximum)
        or (above is not None and value <= above)
        or (below is not None and value >= below)
    ):
        fail(name, requirement, value)
    return float(value)


def probability(name, value, *, allow_one=True):
    """Checks for a number in [0, 1], or [0, 1) with `allow_one=False`."""
    return finite_number(
        name, value, minimum=0, maximum=1 if allow_one else None, below=None if allow_one else 1
    )


def boolean(name, value):
    """Checks for True or False. Other truthy values raise, because a config must round-trip."""
    if not isinstance(value, bool):
        fail(name, "True or False", value)
    return value


def one_of(name, value, allowed):
    """Checks for a member of `allowed`, compared by equality and type (so True is not 1)."""
    if not any(value == item and type(value) is type(item) for item in allowed):
        fail(name, "one of " + ", ".join(repr(item) for item in allowed), value)
    return value


def positive_integers(name, value, length, *, optional=False):
    """Returns `length` positive integers as a tuple, from one integer or a sequence."""
    if optional and value is None:
        return None
    items = (value,) * length if _is_integer(value) else value
    if (
        not isinstance(items, (tuple, list))
        or len(items) != length
        or not all(_is_integer(item) and item >= 1 for item in items)
    ):
        fail(name, f"a positive integer or {length} of them" + (" or None" if optional else ""), value)
    return tuple(int(item) for item in items)


def divisor(name, value, whole, description):
    """Checks for a positive integer that divides `whole`, which `description` names in words."""
    if whole % positive_integer(name, value):
        fail(name, f"a divisor of {description}", value)
    return int(value)


def data_format(name, value):
    """Returns "channels_last", "channels_first", or Keras' global setting for None."""
    if value is None:
        return keras.config.image_data_format()
    return one_of(name, value, ("channels_last", "channels_first"))


def instance(name, value, types, description):
    """Checks for an instance of `types`, which `description` names in words."""
    if not isinstance(value, types):
        fail(name, description, value)
    return value


def channel_axis(axis, input_shape):
    """Returns `axis` as a non-negative index; it must not be the batch axis and must have a known size."""
    rank = len(input_shape)
    if not -rank <= axis < rank or axis % rank == 0:
        raise ValueError(
            "`axis` must name an axis of the input other than the batch's. "
            f"Received: axis={axis}, input_shape={tuple(input_shape)}"
        )
    if input_shape[axis] is None:
        raise ValueError(
            f"Axis {axis} of the input must have a known size. Received: input_shape={tuple(input_shape)}"
        )
    return axis % rank
