"""Distances between embeddings: squared, Euclidean, or by a function of the caller."""

from keras import ops

NAMES = ("squared", "euclidean")


def distances_between(first, second, distance="squared"):
    """Returns the distances of vectors along the last axis.

    Args:
        first: Floating-point tensor `(..., dim)`.
        second: Floating-point tensor of the same dtype, with which `first` can be broadcast.
        distance: `"squared"`, `"euclidean"`, or a function of the two tensors.

    Returns:
        `(...)` in the dtype of `first`.

    Raises:
        ValueError: if the function returns a tensor of another rank.
    """
    if callable(distance):
        return _checked(distance(first, second), first, second)
    squared = ops.sum(ops.square(first - second), axis=-1)
    return squared if distance == "squared" else euclidean(squared)


def pairwise_distances(rows, distance="squared"):
    """Returns the distance between every two rows.

    A function gets the rows as `(n, 1, dim)` and as `(1, n, dim)`. Other distances need no tensor larger than
    `(n, n)`.

    Args:
        rows: Floating-point tensor `(n, dim)`.
        distance: `"squared"`, `"euclidean"`, or a function of two tensors.

    Returns:
        `(n, n)` in the dtype of `rows`.
    """
    if callable(distance):
        return distances_between(rows[:, None, :], rows[None, :, :], distance)
    squared = squared_distances(rows)
    return squared if distance == "squared" else euclidean(squared)


def euclidean(squared):
    """Returns the root of squared distances; its gradient at 0 is 0, because no direction separates a pair.

    NaN stays NaN.
    """
    together = ops.equal(squared, 0)
    root = ops.sqrt(ops.where(together, ops.ones_like(squared), squared))
    return ops.where(together, ops.zeros_like(root), root)


def _checked(distances, first, second):
    distances = ops.cast(ops.convert_to_tensor(distances), first.dtype)
    if len(distances.shape) != max(len(first.shape), len(second.shape)) - 1:
        raise ValueError(
            "`distance` must be a function from two tensors (..., dim) to a tensor (...). Received: a result "
            f"of shape {tuple(distances.shape)} for {tuple(first.shape)} and {tuple(second.shape)}"
        )
    return distances


def squared_distances(rows):
    """Returns the squared Euclidean distance between every two rows, from one matrix product.

    The rows are centered first, so a common offset costs no precision. The center is one of the rows, because
    differences of whole numbers are exact. The error is that of the backend's matrix product, relative to the
    spread of the rows. The gradient is exact everywhere, and 0 for rows that coincide.

    Args:
        rows: Floating-point tensor `(n, dim)`.

    Returns:
        `(n, n)` in the dtype of `rows`, never negative, 0 on the diagonal.
    """
    number = ops.shape(rows)[0]
    fixed = ops.stop_gradient(rows)
    # The distances do not depend on the center, so neither does their gradient.
    mean = ops.sum(fixed, axis=0, keepdims=True) / ops.cast(number, rows.dtype)
    spread = ops.sum(ops.square(fixed - mean), axis=-1)
    # Without rows, the center is the zero vector at the end, because there is no smallest of no numbers.
    spread = ops.concatenate([spread, ops.full((1,), float("inf"), dtype=spread.dtype)], axis=0)
    middle = ops.argmin(spread)
    rows = rows - ops.take(ops.concatenate([fixed, ops.zeros_like(mean)], axis=0), middle, axis=0)
    lengths = ops.sum(ops.square(rows), axis=-1)
    distances = lengths[:, None] + lengths[None, :] - 2 * ops.einsum("id,jd->ij", rows, rows)
    places = ops.arange(number)
    wrong = ops.logical_or(distances < 0, ops.equal(places[:, None], places[None, :]))
    # Subtracted as a constant, because a clip would cut the gradient of rows that nearly coincide.
    rounding = ops.where(wrong, distances, ops.zeros_like(distances))
    return distances - ops.stop_gradient(rounding)
