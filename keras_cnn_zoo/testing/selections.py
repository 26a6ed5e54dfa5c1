"""Parts that select a value, which may lose a NaN: the kinds that a case can declare, and where they may."""

import keras

SELECTIONS = {
    "maximum": "takes the largest of several values; TensorFlow's kernels pass over NaN",
    "draw": "takes a value at random in training",
    "score": "takes values by comparing scores",
}
"""Kinds of selection. A maximum may lose NaN on TensorFlow, a draw in training, and a score everywhere."""


def check_selection(case):
    """Raises ValueError for a kind of selection that is not known."""
    if case.selects_value is not None and case.selects_value not in SELECTIONS:
        raise ValueError(
            f"`selects_value` must be one of {', '.join(SELECTIONS)}, or None. "
            f"Received: selects_value={case.selects_value!r} for {case.name}"
        )


def loses_nan(case, mode):
    """Returns whether a case may lose a NaN on this backend.

    Args:
        case: The case.
        mode: "inference", "training", or "drawn", which is training with draws that are not held fixed.
    """
    kind = getattr(case, "selects_value", None)
    if kind == "maximum":
        return keras.backend.backend() == "tensorflow"
    return kind == "score" or (kind == "draw" and mode != "inference")
