"""Comparison of shapes, whose sizes may be unknown while a graph is traced."""


def agree(one, other):
    """Returns whether two shapes are equal in all sizes that are known."""
    return len(one) == len(other) and all(
        None in pair or pair[0] == pair[1] for pair in zip(one, other, strict=True)
    )
