"""Squared Euclidean distances."""

from keras import ops


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
