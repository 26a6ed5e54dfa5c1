"""Triplet loss, with triplets given or mined in the batch.

Mining: class ids (batch,) and embeddings (batch, dim) -> distances, `same` class, and `itself`, each
(batch, batch), one row per anchor, and `counted` (batch,) -> sort each row, examples that do not count last
-> from the sorted order, each anchor's sum of hinges and its number of triplets, both (batch,). No tensor is
larger than (batch, batch), unless a function of the user makes one.
"""

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.losses import triplet_sums
from keras_cnn_zoo.losses.base_loss import BaseClassLoss
from keras_cnn_zoo.losses.embeddings import (
    checked_choice,
    checked_distance,
    labeled_embeddings,
    saved_choice,
)
from keras_cnn_zoo.ops.counting import at_least_one, counts_so_far
from keras_cnn_zoo.ops.distances import distances_between, pairwise_distances
from keras_cnn_zoo.ops.extremes import keep_nan
from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.dtypes import at_least_float32

MINING = ("all", "semi_hard", "hard", None)
# Largest batch for which `"semi_hard"` is correct if the batch size is unknown when the graph is traced.
_LARGEST_BATCH = 2**16


def triplet(y_true, y_pred, margin=1.0, mining="all", *, distance="squared"):
    """Returns the triplet loss of each anchor of a batch, or of each given triplet; see `Triplet`.

    Args:
        y_true: Class ids, `(batch,)` or `(batch, 1)`; -1 leaves an example out. Ignored with `mining=None`.
        y_pred: Embeddings, `(batch, dim)`, or with `mining=None` triplets `(batch, 3, dim)`.
        margin: Positive margin of distances, or `"soft"`. Defaults to 1.
        mining: `"all"`, `"semi_hard"`, `"hard"`, None, or a function. Defaults to `"all"`.
        distance: `"squared"`, `"euclidean"`, or a function. Defaults to `"squared"`.

    Returns:
        `(batch,)` in at least float32: the sum over each anchor's triplets times batch / triplets. Its mean
        is the mean over the triplets. All entries are 0 if the batch has no triplet.

    Raises:
        ValueError: for an argument outside its range, incompatible shapes, or labels that are no class ids.
    """
    cost = triplet_sums.cost_with(_checked_margin(margin))
    mining, distance = checked_choice("mining", mining, MINING), checked_distance(distance)
    if mining is None:
        return _of_given_triplets(y_pred, cost, distance)
    labels, embeddings = labeled_embeddings(y_true, y_pred)
    if embeddings.shape[0] == 0:  # Backends refuse the largest of no numbers.
        return ops.sum(embeddings, axis=-1)
    distances = pairwise_distances(embeddings, distance)
    same = ops.equal(labels.ids[:, None], labels.ids[None, :])
    places = ops.arange(ops.shape(embeddings)[0])
    itself = ops.equal(places[:, None], places[None, :])
    if callable(mining):
        # A function of the user sees the distances as they are.
        chosen = mining(labels.ids, ops.stop_gradient(distances))
        losses, triplets = triplet_sums.of_chosen(chosen, distances, same, itself, labels.counted, cost)
        # Comparisons with NaN are false, so the function may choose no triplet.
        losses = keep_nan(losses, distances)
    else:
        if callable(distance):
            distances = _above_zero(distances)
        if mining == "all":
            everything = triplet_sums.of_all_softly if margin == "soft" else _all
            losses, triplets = everything(distances, same, itself, labels.counted, margin)
        else:
            find = {"semi_hard": _semi_hard, "hard": _hard}[mining]
            losses, triplets = find(distances, same, itself, labels.counted, cost)
    counted = ops.cast(labels.counted, losses.dtype)
    return labels.mark(losses * (ops.sum(counted) / at_least_one(ops.sum(triplets * counted))))


def _checked_margin(margin):
    if isinstance(margin, str) and margin == "soft":
        return margin
    try:
        return validation.finite_number("margin", margin, above=0)
    except ValueError:
        validation.fail("margin", "a finite number above 0 or 'soft'", margin)


def _of_given_triplets(y_pred, cost, distance):
    y_pred = ops.convert_to_tensor(y_pred)
    if len(y_pred.shape) != 3 or y_pred.shape[1] != 3:
        raise ValueError(
            "With mining=None, `y_pred` must have the shape (batch, 3, dim). "
            f"Received: y_pred.shape={tuple(y_pred.shape)}"
        )
    triplets = ops.cast(y_pred, at_least_float32(y_pred.dtype))
    anchor, positive, negative = ops.unstack(triplets, 3, axis=1)
    near = distances_between(anchor, positive, distance)
    return cost(near - distances_between(anchor, negative, distance))


def _above_zero(distances):
    """Moves each row so that its minimum is just above 0; no triplet's difference of distances changes.

    Below, signs mark the classes, and a magnitude of 0 has no gradient.
    """
    moved = distances - ops.stop_gradient(ops.min(distances, axis=-1, keepdims=True))
    return moved + 4 * _smallest(keras.backend.standardize_dtype(distances.dtype))


def _smallest(dtype):
    """Returns the positive number that replaces a distance of 0 where the sign marks the class."""
    return float(np.finfo(dtype).tiny)


def _last_unless(counted, keys):
    """Returns keys that sort the examples that do not count to the end of each row."""
    return ops.where(counted, keys, ops.full_like(keys, float("inf")))


def _all(distances, same, itself, counted, margin):
    """Returns the sum of the hinges over all triplets of each anchor, and their number.

    The sum over positives p and negatives n of max(d_p + margin - d_n, 0) is the integral over t of
    (number of negatives with d_n <= t) * (number of positives with d_p + margin > t). Both counts are
    constant between neighbors in the sorted row of all d_n and d_p + margin, so the integral is a sum over
    the gaps: length times both counts. This avoids differences of large sums.
    """
    dtype = keras.backend.standardize_dtype(distances.dtype)
    # A minus sign marks positives, so one sort and one gather move both the values and the marks. The anchor
    # itself is a positive at 0, so it precedes every negative at a positive distance.
    signed = ops.where(same, -(distances + margin), distances)
    signed = ops.where(itself, ops.full_like(distances, -_smallest(dtype)), signed)
    order = ops.argsort(_last_unless(counted, ops.abs(ops.stop_gradient(signed))), axis=-1)
    signed = ops.take_along_axis(signed, order, axis=-1)
    values = ops.abs(signed)
    number = ops.sum(ops.cast(counted, dtype))
    places = ops.cast(ops.arange(1, ops.shape(distances)[0] + 1), dtype)
    negatives = counts_so_far(ops.cast(ops.logical_and(signed >= 0, places <= number), dtype), block=64)
    all_negatives = ops.sum(negatives[:, -1:], axis=-1)  # A batch may be empty.
    all_same = number - all_negatives
    # After the last example that counts, this would fall below 0.
    same_ahead = ops.relu(all_same[:, None] - (places - negatives))
    gaps = values[:, 1:] - values[:, :-1]
    losses = ops.sum(gaps * ops.stop_gradient(negatives * same_ahead)[:, :-1], axis=-1)
    return losses, all_negatives * (all_same - 1)


def _semi_hard(distances, same, itself, counted, cost):
    """Returns the sum of the costs of each anchor's positives, and the number of positives with a negative.

    The negative of a positive is the next one after it in the sorted row of the anchor's distances, or else
    the last one.
    """
    dtype = keras.backend.standardize_dtype(distances.dtype)
    info = np.finfo(dtype)
    smallest = _smallest(dtype)
    apart = ops.where(distances <= smallest, ops.full_like(distances, smallest), distances)
    signed = ops.where(same, -apart, distances)
    # A semi-hard negative is farther than the positive, so negatives at the same distance, up to rounding,
    # are sorted before the positive. The anchor itself is first.
    key = ops.where(same, -signed, signed * (1 - 4 * float(info.eps)) - smallest)
    key = _last_unless(counted, ops.where(itself, -ops.ones_like(key), key))
    order = ops.argsort(ops.stop_gradient(key), axis=-1)
    signed = ops.take_along_axis(signed, order, axis=-1)
    number = ops.shape(distances)[0]
    places = ops.arange(number)
    counts = places < ops.sum(ops.cast(counted, places.dtype))
    values, negative = ops.abs(signed), ops.logical_and(signed >= 0, counts)
    following = _smallest_from_here(ops.where(negative, places, number), distances.shape[0])
    last = ops.max(ops.where(negative, places, -1), axis=-1, keepdims=True)
    chosen = ops.where(following < number, following, ops.maximum(last, 0))
    costs = cost(values - ops.take_along_axis(values, chosen, axis=-1))
    positive = ops.logical_and(ops.logical_not(negative), ops.logical_and(places > 0, counts))
    pairs = ops.cast(ops.logical_and(positive, last >= 0), dtype)
    return keep_nan(ops.sum(costs * pairs, axis=-1), distances), ops.sum(pairs, axis=-1)


def _smallest_from_here(rows, batch):
    """Returns the minimum of each row from each position to the end, in log2(batch) steps."""
    shift, limit = 1, _LARGEST_BATCH if batch is None else batch
    while shift < limit:
        # The last `shift` positions have nothing to compare with, so they are compared with themselves.
        rows = ops.minimum(rows, ops.concatenate([rows[:, shift:], rows[:, -shift:]], axis=-1))
        shift *= 2
    return rows


def _hard(distances, same, itself, counted, cost):
    """Returns the cost of each anchor's farthest positive and nearest negative, and whether both exist."""
    positive = ops.logical_and(same, ops.logical_not(itself))
    negative = ops.logical_and(ops.logical_not(same), counted)
    valid = ops.logical_and(ops.any(positive, axis=-1), ops.any(negative, axis=-1))
    farthest = ops.max(ops.where(positive, distances, -ops.ones_like(distances)), axis=-1)
    # This value is above all distances: a positive that ties with the nearest negative would share its
    # gradient.
    beyond = 2 * ops.max(ops.stop_gradient(distances), axis=-1, keepdims=True) + 1
    nearest = ops.min(ops.where(negative, distances, beyond), axis=-1)
    valid = ops.cast(valid, distances.dtype)
    return keep_nan(cost(farthest - nearest) * valid, distances), valid


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class Triplet(BaseClassLoss):
    """Loss that pulls every example closer to its own class than to any other, by a margin.

    A triplet of an anchor, a positive of its class, and a negative of another class costs `max(d_ap - d_an +
    margin, 0)`, or with `margin="soft"` `log(1 + exp(d_ap - d_an))`. `d` are squared Euclidean distances
    by default; see `distance`. `mining` selects the triplets of a batch:

    - `"all"`: all triplets, in O(batch^2 * log(batch)) time; with the soft margin in O(batch^3) time, but
      also without a tensor larger than (batch, batch). Then only first derivatives are right;
    - `"semi_hard"`: for each anchor and positive, the nearest negative that is farther than the positive, or
      the farthest negative if there is none;
    - `"hard"`: for each anchor, its farthest positive and its nearest negative;
    - None: the given triplets, with anchor, positive, and negative along axis 1 of `y_pred`;
    - a function of the class ids `(batch,)` and the distances `(batch, batch)`. It returns either booleans
      `(batch, batch, batch)`, True for the triplets [anchor, positive, negative], or integers `(number, 3)`,
      a triplet's three positions in the batch per row, with a number of rows that depends only on shapes.
      Entries whose classes do not make a triplet are ignored, so fill up rows with zeros. Examples with the
      label -1 are in the distances: do not choose them, because their triplets are ignored too. Booleans
      take O(batch^3) memory.

    The default reduction gives the mean over these triplets, and 0 without any. Embeddings without
    normalization can grow to meet the margin. To avoid this, put a `UnitNormalization` layer before the loss.
    Every batch needs several classes with several examples each. With several replicas, each replica mines
    its part of the batch.

    Squares overflow: in float32, magnitudes above 1e18 are out of range, and those below 1e-18 count as
    0.

    Reference: Weinberger, Saul, 2009; Schroff, Kalenichenko, Philbin, 2015, "FaceNet: A Unified Embedding for
    Face Recognition and Clustering", arXiv 1503.03832 (`"semi_hard"`); Hermans, Beyer, Leibe, 2017, arXiv
    1703.07737 (`"hard"`, `"soft"`); equation (22) of the survey.

    Differs from the paper: Hermans et al. do not square the distances of `"hard"`, which by default are
    squared here. Their best loss is `Triplet("soft", mining="hard", distance="euclidean")`. FaceNet does not
    define the negative of a positive that is farther than all negatives. TensorFlow Addons'
    `TripletSemiHardLoss` also takes the farthest negative, but does not square distances by default. PyTorch
    Metric Learning averages by default (`AvgNonZeroReducer`) only over the triplets with a loss above 0. That
    mean is larger, and does not fall when more triplets reach a loss of 0. Its `MeanReducer` with
    `LpDistance(normalize_embeddings=False, power=2)` gives this loss; `power=1` gives `"euclidean"`, and
    `smooth_loss=True` with a margin of 0 gives `"soft"`.

    Args:
        margin: Positive margin of distances, or `"soft"`. Defaults to 1.
        mining: `"all"`, `"semi_hard"`, `"hard"`, None, or a function. Defaults to `"all"`.
        distance: `"squared"`, `"euclidean"`, whose gradient is 0 for coinciding embeddings, or a function
            from two tensors `(..., dim)`, which may need broadcasting, to distances `(...)`. It gets
            `(batch, 1, dim)` and `(1, batch, dim)`, or with `mining=None` twice `(batch, dim)`. To save the
            loss, register your functions with Keras. Defaults to `"squared"`.
        reduction: Keras' reduction over the batch. Defaults to `"sum_over_batch_size"`, the mean.
        name: Name of the loss.
        dtype: Dtype of the computation, or None for Keras' float type. Class ids stay integers.

    Call arguments:
        y_true: Ignored with `mining=None`. Class ids from 0 to 2^31 - 1, `(batch,)` or `(batch, 1)`. -1
            leaves an example out, and the mean is over the others. Other labels are refused, or give NaN in
            compiled code. The integers of JAX have 32 bits: a larger id in a tensor has become another number
            before the loss.
        y_pred: Embeddings, `(batch, dim)`, or with `mining=None` `(batch, 3, dim)`.

    Raises:
        ValueError: for an argument outside its range, incompatible shapes, or labels that are no class ids.

    >>> loss = Triplet(margin=2.0)
    >>> float(loss(np.array([7, 7, 8]), np.array([[0.0], [1.0], [3.0]])))
    0.0
    >>> float(loss(np.array([7, 7, 8]), np.array([[0.0], [2.0], [3.0]])))
    2.5
    """

    def __init__(
        self,
        margin=1.0,
        *,
        mining="all",
        distance="squared",
        reduction="sum_over_batch_size",
        name="triplet",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.margin = _checked_margin(margin)
        self.mining = checked_choice("mining", mining, MINING)
        self.distance = checked_distance(distance)

    def prepared(self, y_true):
        return super().prepared(y_true) if self.mining is not None else (y_true, None)

    def call(self, y_true, y_pred):
        losses = triplet(y_true, y_pred, self.margin, self.mining, distance=self.distance)
        return ops.cast(losses, self.dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "margin": self.margin,
            "mining": saved_choice(self.mining),
            "distance": saved_choice(self.distance),
            "dtype": self.dtype,
        }
