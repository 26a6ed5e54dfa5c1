"""Histogram loss of a batch of embeddings."""

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.losses.base_loss import BaseClassLoss
from keras_cnn_zoo.losses.embeddings import labeled_embeddings
from keras_cnn_zoo.ops.counting import at_least_one
from keras_cnn_zoo.ops.norms import l2_normalize
from keras_cnn_zoo.utils import validation


def histogram(y_true, y_pred, num_bins=200):
    """Returns the histogram loss of a batch; see `Histogram`.

    Args:
        y_true: Class ids, `(batch,)` or `(batch, 1)`; -1 leaves an example out.
        y_pred: Embeddings, `(batch, dim)`.
        num_bins: Bins of the histograms. Defaults to 200.

    Returns:
        `(batch,)` in at least float32, the loss of the batch in every entry; 0 for a batch without both
        matching pairs and other pairs.

    Raises:
        ValueError: for a `num_bins` that is not a positive integer, incompatible shapes, or
            labels outside of that range.
    """
    num_bins = validation.positive_integer("num_bins", num_bins)
    labels, embeddings = labeled_embeddings(y_true, y_pred)
    if embeddings.shape[0] == 0:  # Backends refuse the largest of no numbers.
        return ops.sum(embeddings, axis=-1)
    dtype, batch = embeddings.dtype, ops.shape(embeddings)[0]
    directions = l2_normalize(embeddings)
    similarities = ops.einsum("id,jd->ij", directions, directions)
    positions = (similarities + 1) * (num_bins / 2)
    # A similarity that rounding moves beyond -1 or 1 extrapolates the outermost bin.
    bins = ops.clip(ops.cast(ops.stop_gradient(positions), "int32"), 0, num_bins - 1)
    fractions = positions - ops.cast(bins, dtype)
    # Matching pairs first, then other pairs, then those of an example with itself or one left out.
    places, ids, counted = ops.arange(batch), labels.ids, labels.counted
    segments = ops.where(ops.equal(ids[:, None], ids[None, :]), bins, bins + num_bins)
    pairs = ops.logical_and(counted[:, None], counted[None, :])
    pairs = ops.logical_and(pairs, ops.not_equal(places[:, None], places[None, :]))
    segments = ops.where(pairs, segments, 2 * num_bins)
    # (2, num_bins): each pair is shared by the two nodes at the ends of its bin.
    fractions, counts = (
        ops.reshape(_sums(values, segments, 2 * num_bins + 1)[:-1], (2, num_bins))
        for values in (fractions, ops.ones_like(fractions))
    )
    pairs = ops.sum(counts, axis=-1)
    nodes = ops.pad(counts - fractions, ((0, 0), (0, 1))) + ops.pad(fractions, ((0, 0), (1, 0)))
    matching, others = ops.unstack(nodes / at_least_one(pairs)[:, None], 2)
    up_to = ops.convert_to_tensor(np.triu(np.ones((num_bins + 1, num_bins + 1))), dtype=dtype)
    loss = ops.sum(others * ops.einsum("q,qr->r", matching, up_to))
    # Without pairs of one kind, their histogram is 0 everywhere, and so is the loss.
    return labels.mark(ops.broadcast_to(loss, (batch,)))


def _sums(values, segments, number):
    """Sums the values of each segment; unlike `keras.ops.segment_sum` on PyTorch, it keeps float64."""
    places = ops.reshape(segments, (-1, 1))
    zeros = ops.zeros((number,), dtype=values.dtype)
    return ops.scatter_update(zeros, places, ops.reshape(values, (-1,)), reduction="add")


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class Histogram(BaseClassLoss):
    """Probability that two examples of different classes are more similar than two of the same class.

    The cosine similarities of all pairs go into two histograms on the nodes `t_r` from -1 to 1: `h+` of pairs
    of the same class and `h-` of other pairs. Each pair is shared linearly by the two nodes around it. The
    loss is `sum_r h-_r * sum_(q <= r) h+_q`: 0 if every matching pair is more similar than any other, and
    about ½ at random. It has no margin to tune. Batches need several examples of each of several classes;
    larger batches give better estimates.

    The loss is coupled across the batch: every entry is the loss of the whole batch, and 0 without pairs of
    both kinds. With several replicas, each computes the loss of its part. A zero embedding has
    similarity 0 to all others.

    Reference: Ustinova, Lempitsky, 2016, "Learning Deep Embeddings with Histogram Loss", arXiv 1611.00822.

    Differs from the paper: embeddings are L2-normalized here, not by the network. PyTorch Metric Learning's
    `HistogramLoss` leaves out the pairs of two examples that are both alone in their class.

    Args:
        num_bins: Bins between -1 and 1, one fewer than nodes. Defaults to 200, steps of 0.01, as in the
            authors' published settings; the result depends little on it.
        reduction: Keras' reduction over the batch. Defaults to `"sum_over_batch_size"`, the mean.
        name: Name of the loss.
        dtype: Dtype of the computation, or None for Keras' float type. Class ids stay integers.

    Call arguments:
        y_true: Class ids from 0 to 2^31 - 1, `(batch,)` or `(batch, 1)`. -1 leaves an example
            out, and the mean is over the others. Other labels are refused, or give NaN in compiled code. The
            integers of JAX have 32 bits: a larger id in a tensor has become another number before the loss.
        y_pred: Embeddings, `(batch, dim)`.

    Raises:
        ValueError: for a `num_bins` that is not a positive integer, incompatible shapes, or
            labels outside of that range.

    >>> loss = Histogram()
    >>> embeddings = np.array([[1.0, 0.0], [2.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]])
    >>> float(loss(np.array([0, 0, 1, 1]), embeddings)), float(loss(np.array([0, 1, 0, 1]), embeddings))
    (0.0, 1.0)
    """

    def __init__(self, *, num_bins=200, reduction="sum_over_batch_size", name="histogram", dtype=None):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.num_bins = validation.positive_integer("num_bins", num_bins)

    def call(self, y_true, y_pred):
        return ops.cast(histogram(y_true, y_pred, self.num_bins), self.dtype)

    def get_config(self):
        return {**super().get_config(), "num_bins": self.num_bins, "dtype": self.dtype}


# Many people search for the paper's name of the loss. Saved files contain the original name.
HistogramLoss = Histogram
