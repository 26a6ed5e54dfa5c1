"""Vectors of locally aggregated descriptors: assignments, sums of residuals, and their normalizations."""

from keras import ops

LOWEST_SCORE = -1e30  # its exponential is 0, and it is finite in float32


def nearest_assignment(descriptors, centers, nearest, bandwidth):
    """Returns weights of each descriptor's `nearest` centers: `exp(-distance^2 / bandwidth)` with sum 1.

    Args:
        descriptors: Tensor (batch, number, size).
        centers: Tensor (clusters, size) of the same dtype.
        nearest: Number of centers that share a descriptor, at most `clusters`.
        bandwidth: Positive float.

    Returns:
        Tensor (batch, number, clusters).
    """
    # The squared norm of the descriptor is the same for all centers, so the weights do not depend on it.
    products = ops.einsum("bnd,kd->bnk", descriptors, centers)
    scores = (2.0 * products - ops.sum(ops.square(centers), axis=-1)) / bandwidth
    if nearest < centers.shape[0]:
        least = ops.stop_gradient(ops.top_k(scores, nearest)[0][:, :, -1:])
        scores = ops.where(scores < least, LOWEST_SCORE, scores)
    return shares(scores)


def shares(scores):
    """Returns the softmax along the last axis; Keras would warn about an axis of length 1."""
    return ops.softmax(scores, axis=-1) if scores.shape[-1] > 1 else ops.ones_like(scores)


def residual_sums(descriptors, centers, assignment):
    """Returns `sum_n assignment[n, k] * (descriptor[n] - center[k])` per cluster, (batch, clusters, size)."""
    sums = ops.einsum("bnk,bnd->bkd", assignment, descriptors)
    return sums - ops.expand_dims(ops.sum(assignment, axis=1), -1) * centers


def signed_root(inputs):
    """Returns `sign(x) sqrt(abs(x))`, with a gradient of 0 at 0."""
    present = ops.cast(ops.abs(inputs) > 0, inputs.dtype)
    return inputs / ops.sqrt(ops.abs(inputs) + (1.0 - present))


def as_descriptors(inputs, data_format):
    """Flattens maps (batch, height, width, channels), or sequences, to (batch, number, channels)."""
    rank = len(inputs.shape)
    if data_format == "channels_first":
        inputs = ops.transpose(inputs, (0, *range(2, rank), 1))
    return ops.reshape(inputs, (ops.shape(inputs)[0], -1, inputs.shape[-1])) if rank > 3 else inputs
