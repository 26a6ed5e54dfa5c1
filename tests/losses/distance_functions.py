"""Distances between two vectors by loops, and a function of tensors that several losses take."""

import keras


def squared(first, second):
    return sum((a - b) ** 2 for a, b in zip(first, second, strict=True))


def euclidean(first, second):
    return squared(first, second) ** 0.5


def taxicab(first, second):
    return sum(abs(a - b) for a, b in zip(first, second, strict=True))


@keras.saving.register_keras_serializable(package="tests")
def city_blocks(first, second):
    return keras.ops.sum(keras.ops.abs(first - second), axis=-1)


LOOPS = {"squared": squared, "euclidean": euclidean, city_blocks: taxicab}
"""For each value of `distance`, the loop that computes it."""


def name_of(distance):
    """Returns the name of a distance for the id of a test, the same in every process."""
    return getattr(distance, "__name__", str(distance))
