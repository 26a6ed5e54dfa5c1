"""Kullback-Leibler divergence of diagonal Gaussians."""

import math

import keras
from keras import ops

from keras_cnn_zoo.losses.base_loss import BaseLoss
from keras_cnn_zoo.utils import shapes
from keras_cnn_zoo.utils.dtypes import at_least_float32

# Logarithms of a ratio of variances: the value is constant above the first, the slope above the second.
_LARGEST, _STEEPEST = 60.0, 10.0


def gaussian_kl_divergence(y_true, y_pred):
    """Returns the Kullback-Leibler divergence of `y_pred`'s Gaussian from `y_true`'s.

    See `GaussianKLDivergence`.

    Args:
        y_true: Mean and log variance of the prior, one after the other on the last axis. Zeros or None are
            the standard normal.
        y_pred: Mean and log variance, `(batch, ..., 2 * dim)`.

    Returns:
        The divergence of each example in nats, summed over all axes but the batch's, `(batch,)`, in at least
        float32.

    Raises:
        ValueError: for shapes that differ, or an odd number of entries on the last axis.
    """
    y_pred = ops.convert_to_tensor(y_pred)
    y_true = ops.zeros_like(y_pred) if y_true is None else ops.convert_to_tensor(y_true)
    shape, prior = tuple(y_pred.shape), tuple(y_true.shape)
    if len(shape) < 2 or shape[-1] is None or shape[-1] % 2 or not shapes.agree(prior, shape):
        raise ValueError(
            "`y_true` and `y_pred` must have the same shape (batch, ..., 2 * dim), with means and then log "
            "variances on the last axis. Zeros for `y_true` are the standard normal. "
            f"Received: y_true.shape={prior}, y_pred.shape={shape}"
        )
    dtype = at_least_float32(y_pred.dtype)
    mean, log_variance = ops.split(ops.cast(y_pred, dtype), 2, axis=-1)
    prior_mean, prior_log_variance = ops.split(ops.cast(y_true, dtype), 2, axis=-1)
    ratio = log_variance - prior_log_variance
    distance = ops.square(mean - prior_mean) * (1 + _growth(-prior_log_variance))
    each = (distance + (_growth(ratio) - ratio)) / 2
    return ops.sum(each, axis=tuple(range(1, len(shape))))


def _growth(x):
    """Returns `exp(x) - 1`, finite for every x, with a slope that is small enough for float16.

    A larger slope would overflow at every loss scale and stop mixed-precision training for good.
    """
    value = ops.expm1(_at_most(x, _LARGEST))
    sloped = ops.expm1(_at_most(x, _STEEPEST)) + math.exp(_STEEPEST) * ops.relu(x - _STEEPEST)
    return sloped + ops.stop_gradient(value - sloped)


def _at_most(x, bound):
    return ops.where(x >= bound, bound * ops.ones_like(x), x)


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class GaussianKLDivergence(BaseLoss):
    """Kullback-Leibler divergence of a diagonal Gaussian from a prior, in closed form.

    It is `sum (variance / v + (mean - m)^2 / v - 1 + log v - log variance) / 2`, where `y_pred` holds `mean`
    and `log variance`, and `y_true` holds the prior's `m` and `log v`. It is the regularizing term of a
    variational autoencoder's loss (see `elbo`). The last axis is the input of `layers.GaussianSampling`.

    Reference: Kingma, Welling, 2013, "Auto-Encoding Variational Bayes", arXiv 1312.6114, appendix B; the
    second term of equation (26) of the survey.

    Differs from the paper: ratios of variances above e^10 have the gradient of e^10, and ratios above e^60
    have the value of e^60. So value and gradient stay finite, also in float16.

    Args:
        reduction: Keras' reduction over the batch. Defaults to `"sum_over_batch_size"`, the mean.
        name: Name of the loss.
        dtype: Dtype of the computation, or None for Keras' float type.

    Call arguments:
        y_true: Mean and log variance of the prior, in the shape of `y_pred`. Zeros are the standard normal.
        y_pred: Mean and log variance, `(batch, ..., 2 * dim)`, one after the other on the last axis.

    Raises:
        ValueError: for shapes that differ, or an odd number of entries on the last axis.

    >>> loss = GaussianKLDivergence()
    >>> mean_and_log_variance = np.array([[3.0, 1.0, 0.0, 0.0]])
    >>> float(loss(np.zeros((1, 4)), mean_and_log_variance))
    5.0
    """

    def __init__(self, *, reduction="sum_over_batch_size", name="gaussian_kl_divergence", dtype=None):
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true, y_pred):
        return ops.cast(gaussian_kl_divergence(y_true, y_pred), self.dtype)

    def get_config(self):
        return {**super().get_config(), "dtype": self.dtype}
