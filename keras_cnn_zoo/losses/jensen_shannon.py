"""Jensen-Shannon divergence of distributions."""

import keras
from keras import ops

from keras_cnn_zoo.losses.base_loss import BaseLoss
from keras_cnn_zoo.utils import shapes, validation
from keras_cnn_zoo.utils.dtypes import at_least_float32

# Replaces a probability of 0 in a logarithm, so the gradient there is large but finite.
_SMALLEST = 1e-30


def jensen_shannon(y_true, y_pred, from_logits=False):
    """Returns the Jensen-Shannon divergence of distributions over the last axis; see `JensenShannon`.

    Args:
        y_true: Distributions, `(batch, ..., classes)`.
        y_pred: Distributions of the same shape, or logits.
        from_logits: Whether `y_pred` contains logits. Defaults to False.

    Returns:
        The divergence of each pair in nats, `(batch, ...)`, in at least float32.

    Raises:
        ValueError: for shapes that differ, or a `from_logits` that is not a boolean.
    """
    validation.boolean("from_logits", from_logits)
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_pred.shape) < 2 or not shapes.agree(y_true.shape, y_pred.shape):
        raise ValueError(
            "`y_true` and `y_pred` must have the same shape, (batch, ..., classes). "
            f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
        )
    dtype = at_least_float32(y_pred.dtype)
    first, second = ops.cast(y_true, dtype), ops.cast(y_pred, dtype)
    if from_logits:
        second = ops.softmax(second, axis=-1)
    total = first + second
    return ops.sum(total * _share(first, second, total), axis=-1) / 4


def _share(first, second, total):
    """Returns `(1 + t) log(1 + t) + (1 - t) log(1 - t)` with `t = (first - second) / total`.

    Near t = 0, where the value is about `t^2`, the two terms almost cancel. There, an equal expression
    without cancellation is used.
    """
    total = ops.where(total <= 0, ops.ones_like(total), total)
    contrast = (first - second) / total
    near = ops.abs(contrast) < 0.5
    little = ops.where(near, contrast, ops.zeros_like(contrast))
    small = ops.log1p(-ops.square(little)) + little * (ops.log1p(little) - ops.log1p(-little))
    large = _entropy_term(2 * first / total) + _entropy_term(2 * second / total)
    return ops.where(near, small, large)


def _entropy_term(x):
    """Returns `x log x`, and 0 at 0."""
    smallest = _SMALLEST * ops.ones_like(x)
    return x * ops.log(ops.where(x <= smallest, smallest, x))


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class JensenShannon(BaseLoss):
    """Jensen-Shannon divergence, a symmetric, bounded distance of two distributions.

    It is `(KL(y_true, m) + KL(y_pred, m)) / 2` with `m = (y_true + y_pred) / 2`, in nats. It is 0 for equal
    distributions and log 2 for disjoint ones, and its square root is a metric. Unlike
    `keras.losses.KLDivergence`, it is symmetric, and finite for a probability of 0. However, its gradient
    with respect to logits vanishes if a prediction is confident and wrong.

    Reference: Lin, 1991, "Divergence Measures Based on the Shannon Entropy" (IEEE Transactions on Information
    Theory 37); equation (27) of the survey.

    Args:
        from_logits: Whether `y_pred` contains logits instead of probabilities; `y_true` always contains
            probabilities. Defaults to False.
        reduction: Keras' reduction over the batch. Defaults to `"sum_over_batch_size"`, the mean.
        name: Name of the loss.
        dtype: Dtype of the computation, or None for Keras' float type.

    Call arguments:
        y_true: Distributions, `(batch, ..., classes)`: nonnegative, with a sum of 1 over the last axis.
        y_pred: Distributions of the same shape, or logits.

    Raises:
        ValueError: for shapes that differ, or a `from_logits` that is not a boolean.

    >>> loss = JensenShannon()
    >>> round(float(loss(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]]))), 4)  # log 2
    0.6931
    """

    def __init__(
        self, from_logits=False, *, reduction="sum_over_batch_size", name="jensen_shannon", dtype=None
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.from_logits = validation.boolean("from_logits", from_logits)

    def call(self, y_true, y_pred):
        return ops.cast(jensen_shannon(y_true, y_pred, self.from_logits), self.dtype)

    def get_config(self):
        return {**super().get_config(), "from_logits": self.from_logits, "dtype": self.dtype}
