"""Are two arrays the same number, or two sets of draws the same distribution?"""

import numpy as np

TOLERANCES = {"float32": 2e-5, "float64": 1e-9}
"""Allowed difference relative to each number, and to the largest number of its array."""

FLOORS = {"float32": 1e-6, "float64": 1e-14}
"""Allowed difference relative to the largest number of all arrays: the rounding of sums that cancel."""

STANDARD_ERRORS = 6.0
"""How far apart the means of two sets of draws may be: by chance this happens once in 500 million."""


def difference(name, value, expected, dtype="float32", largest=0.0):
    """Returns None if `value` equals `expected` up to rounding, else a line on the worst element.

    `largest` is the largest magnitude among all arrays that were computed together.
    """
    value, expected = np.asarray(value), np.asarray(expected)
    if value.shape != expected.shape:
        return f"{name} has shape {value.shape} instead of {expected.shape}"
    if value.size == 0:
        return None
    if not np.issubdtype(expected.dtype, np.inexact):
        wrong = value != expected
        return f"{name} differs in {wrong.sum()} of {wrong.size} elements" if wrong.any() else None
    value, expected = value.astype("float64"), expected.astype("float64")
    if not np.isfinite(expected).all():
        return f"{name}: the reference is not finite"
    if not np.isfinite(value).all():
        return f"{name} is not finite in {(~np.isfinite(value)).sum()} of {value.size} elements"
    tolerance = TOLERANCES[dtype]
    tiny = np.finfo("float32").tiny
    allowed = tolerance * (np.abs(expected) + np.abs(expected).max()) + FLOORS[dtype] * largest + tiny
    excess = np.abs(value - expected) / allowed
    if excess.max() <= 1.0:
        return None
    worst = np.unravel_index(excess.argmax(), excess.shape)
    place = f"[{', '.join(map(str, worst))}]" if worst else ""
    return (
        f"{name}{place} is {value[worst]:.9g} instead of {expected[worst]:.9g} "
        f"({(excess > 1).mean():.0%} of the elements are off by more than {tolerance:g})"
    )


def summarize_draws(draws, center):
    """Returns mean and mean square of `draws` (count, ...), per element and overall, with standard errors.

    Squares are taken about `center`, which must not come from the draws: both sides then average one
    quantity.
    """
    draws = np.asarray(draws, dtype="float64")
    axes = tuple(range(1, draws.ndim))
    summary = {}
    for name, sample in (("mean", draws), ("mean square", (draws - center) ** 2)):
        summary[name] = sample.mean(axis=0)
        summary[name + " error"] = sample.std(axis=0) / np.sqrt(len(draws))
        summary["overall " + name] = sample.mean()
        summary["overall " + name + " error"] = sample.mean(axis=axes).std() / np.sqrt(len(draws))
    return summary


def draws_difference(name, summary, expected):
    """Returns None if two summaries can be of one distribution, else one line on the largest difference."""
    for statistic in ("mean", "mean square", "overall mean", "overall mean square"):
        value, wanted = np.asarray(summary[statistic]), np.asarray(expected[statistic])
        if value.shape != wanted.shape:
            return f"{name}: draws have shape {value.shape} instead of {wanted.shape}"
        if not np.isfinite(value).all():
            return f"{name}: the {statistic} of the draws is not finite"
        errors = np.hypot(summary[statistic + " error"], expected[statistic + " error"])
        allowed = STANDARD_ERRORS * errors + 1e-4 * (np.abs(wanted) + np.abs(wanted).max(initial=0.0) + 1e-6)
        excess = np.abs(value - wanted) / allowed
        if excess.size and excess.max() > 1.0:
            worst = np.unravel_index(excess.argmax(), excess.shape)
            return (
                f"{name}: {statistic} of the draws at {tuple(map(int, worst))} is {value[worst]:.4g} "
                f"instead of {wanted[worst]:.4g} ({(excess > 1).mean():.0%} of the elements are beyond "
                f"{STANDARD_ERRORS:g} standard errors)"
            )
    return None
