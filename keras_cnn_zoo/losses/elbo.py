"""The evidence lower bound of a variational autoencoder."""

import math

from keras import ops

from keras_cnn_zoo.losses.gaussian_kl_divergence import gaussian_kl_divergence
from keras_cnn_zoo.utils import shapes, validation
from keras_cnn_zoo.utils.dtypes import at_least_float32

LIKELIHOODS = ("bernoulli", "gaussian")


def elbo(y_true, y_pred, gaussian, *, likelihood="bernoulli", prior=None):
    """Returns the evidence lower bound of each example in nats; its negative mean is the loss.

    It is `log p(x | z) - KL(q(z | x), p(z))`, where `z` is one draw from `q`, `gaussian` holds the mean and
    log variance of `q`, and `y_pred` is the decoder's output for `z`. Its mean over draws is at most `log
    p(x)`, and equals it if `q` is the true posterior. The second term is exact, so one draw per example is
    enough in training.

    `"bernoulli"` is for data in [0, 1] and logits. The paper uses it for binary images. For gray values it is
    not a density, so only compare such bounds with each other. `"gaussian"` uses `y_pred` as the means of
    normal distributions of variance 1, and includes the constant `-log(2 pi) / 2` per value. A function of
    the data and the decoder's output can be any other likelihood.

    Reference: Kingma, Welling, 2013, "Auto-Encoding Variational Bayes", arXiv 1312.6114; equation (26) of the
    survey.

    Args:
        y_true: The data, `(batch, ...)`.
        y_pred: The decoder's output for one draw, in the shape of the data, or in any shape if `likelihood`
            is a function.
        gaussian: Mean and log variance of `q`, `(batch, ..., 2 * dim)`, one after the other on the last axis.
        likelihood: `"bernoulli"`, `"gaussian"`, or a function of `y_true` and `y_pred` that returns log
            likelihoods, `(batch, ...)`, which are summed over all axes but the first. Defaults to
            `"bernoulli"`.
        prior: Mean and log variance of the prior in the shape of `gaussian`, or None for the standard normal.

    Returns:
        The bound of each example, `(batch,)`, in at least float32.

    Raises:
        ValueError: for an unknown `likelihood`, or incompatible shapes.

    Example:

    >>> bound = elbo(np.ones((1, 3)), np.zeros((1, 3)), np.zeros((1, 4)))
    >>> round(float(bound[0]), 4)  # three fair coins: -3 log 2
    -2.0794
    """
    if not callable(likelihood):
        validation.one_of("likelihood", likelihood, LIKELIHOODS)
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        dtype = at_least_float32(y_pred.dtype)
        if not shapes.agree(y_true.shape, y_pred.shape):
            raise ValueError(
                "`y_pred` must have the shape of `y_true`. "
                f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
            )
        y_true, y_pred = ops.cast(y_true, dtype), ops.cast(y_pred, dtype)
        log_likelihood = (_bernoulli if likelihood == "bernoulli" else _gaussian)(y_true, y_pred)
    else:
        log_likelihood = likelihood(y_true, y_pred)
    log_likelihood = ops.cast(log_likelihood, at_least_float32(log_likelihood.dtype))
    summed = ops.sum(log_likelihood, axis=tuple(range(1, len(log_likelihood.shape))))
    return summed - ops.cast(gaussian_kl_divergence(prior, gaussian), summed.dtype)


def _bernoulli(y_true, logits):
    return -(y_true * ops.softplus(-logits) + (1 - y_true) * ops.softplus(logits))


def _gaussian(y_true, mean):
    return -(ops.square(y_true - mean) + math.log(2 * math.pi)) / 2
