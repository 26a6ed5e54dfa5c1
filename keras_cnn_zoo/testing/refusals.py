"""Bad values for a constructor argument, derived from the value that it has: what C11 feeds in."""

import keras

SIZES = (
    "units",
    "filters",
    "kernel_size",
    "pool_size",
    "strides",
    "dilation_rate",
    "groups",
    "tile_size",
    "block_size",
    "pieces",
    "num_classes",
    "num_clusters",
    "num_layers",
)
PROBABILITIES = ("rate", "drop_rate", "dropout_rate", "drop_path_rate")
TEXTS = ("metric", "monitor")
IDENTIFIER_SUFFIXES = ("_initializer", "_regularizer", "_constraint", "activation")


class NotAValue:
    """A value that no argument can have; its repr is easy to find in a message."""

    def __repr__(self):
        return "<not a value>"


def is_identifier(name):
    """Returns whether Keras itself resolves an argument, so that its messages are Keras' own."""
    return name.endswith(IDENTIFIER_SUFFIXES)


def bad_values(name, value, *, optional):
    """Values that the argument `name` must refuse.

    Args:
        name: Name of the argument; that of a size or a probability says more about its range.
        value: A value that the argument takes.
        optional: Whether None is the default.

    Returns:
        List of values, each wrong in kind or range whatever the component computes.
    """
    bad = [NotAValue(), "not a value"]
    if name in TEXTS:
        return [NotAValue(), float("nan"), ""]
    if is_identifier(name) or isinstance(value, keras.layers.Layer):
        return bad
    bad.append(float("nan"))
    if isinstance(value, bool):
        bad += [2, None]
    if name in PROBABILITIES:
        bad += [-0.5, 1.5]
    if name in SIZES:
        bad += [0, -1, 2.5]
        if isinstance(value, (tuple, list)):
            bad += [tuple(0 for _ in value), tuple(item + 0.5 for item in value)]
            if name != "filters":
                bad.append((*value, value[0]))
        if not optional:
            bad.append(None)
    return bad


def names_value(message, bad):
    """Returns whether a message shows the bad value, or, of a tuple, the wrong element."""
    shown = [bad, *bad] if isinstance(bad, tuple) else [bad]
    return any(repr(value) in message or str(value) in message for value in shown)
