"""Who learns what: anchors matched with boxes, a fixed number of them drawn, and losses of each picture."""

from keras import ops

from keras_cnn_zoo.ops import boxes as box_ops


def match(truth, valid, candidates, *, positive, negative, keep_best):
    """For every candidate the true box that it overlaps most, and what it is to learn.

    Args:
        truth: tensor (batch, m, 4) of true boxes, padded.
        valid: boolean tensor (batch, m), False for padding.
        candidates: tensor (batch, n, 4).
        positive: overlap from which a candidate is an example of its box.
        negative: overlap below which it is one of background; in between it learns nothing.
        keep_best: whether the best candidates of each box are its examples whatever they overlap.

    Returns:
        `(index, is_positive, is_negative)`, each (batch, n).
    """
    overlap = box_ops.pairwise_iou(truth, candidates)
    overlap = ops.where(ops.expand_dims(valid, -1), overlap, -ops.ones_like(overlap))
    best = ops.max(overlap, axis=1)
    is_positive = best >= positive
    if keep_best:
        most = ops.max(overlap, axis=2, keepdims=True)
        of_some_box = ops.any(ops.logical_and(overlap >= most, most > 0), axis=1)
        is_positive = ops.logical_or(is_positive, of_some_box)
    is_negative = ops.logical_and(best < negative, ops.logical_not(is_positive))
    return ops.cast(ops.argmax(overlap, axis=1), "int32"), is_positive, is_negative


def draw(is_positive, is_negative, keys, *, total, max_positive):
    """Masks of at most `max_positive` positives and, up to `total`, negatives, drawn by random `keys`.

    Args:
        is_positive: boolean tensor (batch, n).
        is_negative: boolean tensor (batch, n).
        keys: random numbers in [0, 1), broadcastable to (batch, n): those with the largest are drawn.
        total: number to draw.
        max_positive: number of positives among them at most.

    Returns:
        Two boolean tensors (batch, n).
    """
    nothing = ops.cast(is_positive, keys.dtype) * 0 - 1
    count = is_positive.shape[1]
    keyed = ops.where(is_positive, keys, nothing)
    threshold = ops.top_k(keyed, k=min(max_positive, count))[0][:, -1:]
    positives = ops.logical_and(is_positive, keys >= threshold)
    keyed = ops.where(is_negative, keys, nothing)
    ranked = ops.top_k(keyed, k=min(total, count))[0]
    wanted = total - ops.sum(ops.cast(positives, "int32"), axis=1, keepdims=True)
    place = ops.clip(wanted - 1, 0, ranked.shape[1] - 1)
    threshold = box_ops.take_rows(ranked, place)
    negatives = ops.logical_and(is_negative, keys >= threshold)
    return positives, ops.logical_and(negatives, wanted > 0)


def take_drawn(positives, negatives, keys, total):
    """Places of what was drawn, positives first, in a fixed number: `(indices, drawn)`, (batch, total)."""
    order = ops.cast(positives, keys.dtype) * 2 + ops.cast(negatives, keys.dtype) - 1
    values, indices = ops.top_k(order, k=total)
    return ops.cast(indices, "int32"), values >= 0


def mean_over(values, weights):
    """For each picture the mean of `values` (batch, n) over what `weights` (batch, n) counts, or 0."""
    count = ops.sum(weights, axis=1)
    return ops.sum(values * weights, axis=1) / ops.maximum(count, 1.0)


def binary_crossentropy(labels, logits):
    """Elementwise, from logits of any size."""
    return ops.relu(logits) - logits * labels + ops.log1p(ops.exp(-ops.abs(logits)))


def crossentropy(classes, logits):
    """Elementwise over all but the last axis; `classes` must be inside the range of classes."""
    chosen = ops.one_hot(classes, logits.shape[-1], dtype=logits.dtype)
    return -ops.sum(chosen * ops.log_softmax(logits, axis=-1), axis=-1)


def focal_crossentropy(labels, logits, *, alpha, gamma):
    """Elementwise focal loss `-alpha_t (1 - p_t)^gamma log p_t` (Lin et al., 2017)."""
    probability = ops.sigmoid(logits)
    wrong = probability + labels - 2 * probability * labels
    balance = (1 - alpha) + labels * (2 * alpha - 1)
    return balance * ops.power(wrong, gamma) * binary_crossentropy(labels, logits)


def smooth_l1(difference, beta):
    """Summed over the last axis: quadratic up to `beta`, then linear."""
    size = ops.abs(difference)
    return ops.sum(ops.where(size < beta, ops.square(size) / (2 * beta), size - beta / 2), axis=-1)
