"""Costs of triplets, and their sums over triplets that are chosen one by one or not at all."""

import keras
from keras import ops


def cost_with(margin):
    """Returns the function from `d_ap - d_an` to the cost of a triplet; `margin` is a number or `"soft"`."""
    if margin == "soft":
        # Keras' softplus on PyTorch is rounded above 20, in float64 too.
        return lambda differences: -ops.log_sigmoid(-differences)
    return lambda differences: ops.relu(differences + margin)


def of_chosen(chosen, distances, same, itself, counted, cost):
    """Returns the sum of the costs of each anchor's chosen triplets, and their number, both (batch,).

    Args:
        chosen: Booleans (batch, batch, batch), or positions in the batch (number, 3); see `Triplet`.
        distances: Tensor (batch, batch), one row per anchor.
        same: Whether two examples have the same class, (batch, batch).
        itself: Whether two examples are one, (batch, batch).
        counted: Whether an example counts, (batch,).
        cost: Function from differences of distances to costs.

    Raises:
        ValueError: for another result of the user's function.
    """
    chosen = ops.convert_to_tensor(chosen)
    kind = keras.backend.standardize_dtype(chosen.dtype)
    positive = ops.logical_and(same, ops.logical_not(itself))
    negative = ops.logical_and(ops.logical_not(same), counted)
    if kind == "bool" and len(chosen.shape) == 3:
        valid = ops.logical_and(positive[:, :, None], negative[:, None, :])
        valid = ops.logical_and(valid, chosen)
        costs = cost(distances[:, :, None] - distances[:, None, :])
        costs = ops.where(valid, costs, ops.zeros_like(costs))
        return ops.sum(costs, axis=(1, 2)), ops.sum(ops.cast(valid, distances.dtype), axis=(1, 2))
    if "int" not in kind or len(chosen.shape) != 2 or chosen.shape[1] != 3:
        raise ValueError(
            "`mining` must return booleans (batch, batch, batch) or integers (number, 3). "
            f"Received: a result of shape {tuple(chosen.shape)} and dtype {kind}"
        )
    anchors, positives, negatives = (ops.cast(chosen[:, place], "int32") for place in range(3))
    batch = ops.shape(distances)[0]
    # Positions in the flattened tables, because not every backend gathers along two axes at once.
    near, far = anchors * batch + positives, anchors * batch + negatives

    def entries(table, places):
        return ops.take(ops.reshape(table, (-1,)), places, axis=0)

    valid = ops.logical_and(entries(positive, near), entries(negative, far))
    costs = cost(entries(distances, near) - entries(distances, far))
    costs = ops.where(valid, costs, ops.zeros_like(costs))
    # A triplet belongs to one anchor: (number, batch). A sum by index would not be reproducible on a GPU.
    own = ops.equal(anchors[:, None], ops.arange(batch, dtype="int32")[None, :])
    own = ops.cast(own, distances.dtype)
    counts = ops.cast(valid, distances.dtype)
    return ops.sum(costs[:, None] * own, axis=0), ops.sum(counts[:, None] * own, axis=0)


def of_all_softly(distances, same, itself, counted, margin):
    """Returns the sum of the soft costs over all triplets of each anchor, and their number, both (batch,).

    The costs have no common pieces that a sort could merge, so all of them are computed, in one step per
    example: the costs of every anchor with this example as its positive and all negatives, (batch, batch).
    Autodiff would keep all steps. Instead the derivatives by the distances are summed on the way, and the
    result is linear in the distances with these derivatives.
    """
    fixed, dtype = ops.stop_gradient(distances), distances.dtype
    positive = ops.logical_and(same, ops.logical_not(itself))
    negative = ops.logical_and(ops.logical_not(same), counted)
    number = ops.shape(distances)[0]
    places = ops.arange(number, dtype="int32")

    def step(place, state):
        total, slopes = state
        column = ops.take(fixed, place, axis=1)[:, None]
        counted = ops.logical_and(ops.take(positive, place, axis=1)[:, None], negative)
        differences = column - fixed
        zero = ops.zeros_like(differences)
        costs = ops.where(counted, -ops.log_sigmoid(-differences), zero)
        slope = ops.where(counted, ops.sigmoid(differences), zero)
        of_positive = ops.cast(ops.equal(places, place), dtype) * ops.sum(slope, axis=-1, keepdims=True)
        return total + ops.sum(costs, axis=-1), slopes + of_positive - slope

    # A batch may be empty, and then has no first column.
    start = (ops.sum(ops.zeros_like(fixed), axis=-1), ops.zeros_like(fixed))
    total, slopes = (ops.stop_gradient(part) for part in ops.fori_loop(0, number, step, start))
    positives = ops.sum(ops.cast(positive, dtype), axis=-1)
    negatives = ops.sum(ops.cast(negative, dtype), axis=-1)
    return total + ops.sum(slopes * (distances - fixed), axis=-1), positives * negatives
