"""The alphabet of words, and what CTC needs to write them."""

# What words are compared in: digits and letters of one case.
ALPHABET = tuple("0123456789abcdefghijklmnopqrstuvwxyz")


def columns_needed(labels):
    """Columns that CTC needs for a text or a sequence of class ids: equal neighbours need a blank between."""
    return len(labels) + sum(a == b for a, b in zip(labels, labels[1:], strict=False))
