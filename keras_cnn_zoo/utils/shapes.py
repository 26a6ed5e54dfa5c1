"""Shapes, of which the batch and more may be unknown while a graph is traced."""


def agree(one, other):
    """Whether two shapes are equal as far as their sizes are known."""
    return len(one) == len(other) and all(
        None in pair or pair[0] == pair[1] for pair in zip(one, other, strict=True)
    )
