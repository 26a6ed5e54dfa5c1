"""Elementwise losses of boxes and classes."""

from keras import ops

from keras_cnn_zoo.ops import boxes as box_ops

# Where the loss of a delta turns from quadratic to linear.
BETA = 1 / 9


def focal_crossentropy(labels, logits, *, alpha, gamma):
    """Returns the focal loss `-alpha_t (1 - p_t)^gamma log p_t` of each logit (Lin et al., 2017)."""
    # `keras.losses.binary_focal_crossentropy` clips the probability on PyTorch: at a logit of -40 it returns
    # 16.1 instead of 40.
    labels, logits = ops.convert_to_tensor(labels), ops.convert_to_tensor(logits)
    probability = ops.sigmoid(logits)
    wrong = probability + labels - 2 * probability * labels
    balance = (1 - alpha) + labels * (2 * alpha - 1)
    return balance * ops.power(wrong, gamma) * ops.binary_crossentropy(labels, logits, from_logits=True)


def smooth_l1(difference, beta):
    """Returns the sum over the last axis of a loss that is quadratic up to `beta`, then linear."""
    size = ops.abs(difference)
    return ops.sum(ops.where(size < beta, ops.square(size) / (2 * beta), size - beta / 2), axis=-1)


def delta_loss(deltas, boxes, anchors, weights=(1.0, 1.0, 1.0, 1.0)):
    """Returns the smooth L1 loss of each box's deltas (..., 4) against those from `anchors` to `boxes`."""
    return smooth_l1(deltas - box_ops.encode(boxes, anchors, weights), BETA)
