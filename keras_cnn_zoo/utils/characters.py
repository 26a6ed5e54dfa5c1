"""The alphabet of words, and the number of columns that CTC needs for them."""

# Words are compared in digits and lower-case letters.
ALPHABET = tuple("0123456789abcdefghijklmnopqrstuvwxyz")


def columns_needed(labels):
    """Returns the number of columns that CTC needs for a text or class ids, with blanks between repeats."""
    return len(labels) + sum(a == b for a, b in zip(labels, labels[1:], strict=False))
