"""Reparameterized sampling from a Gaussian."""

import keras
from keras import ops

from keras_cnn_zoo.utils import docstrings, validation
from keras_cnn_zoo.utils.dtypes import at_least_float32

# The standard deviation is exp(30), about 1e13, here.
LARGEST_LOG_VARIANCE = 60.0


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class GaussianSampling(keras.layers.Layer):
    """Differentiable sample from a diagonal Gaussian, given by its mean and log variance.

    The last axis of the input is `concatenate([mean, log_variance])`, as in `losses.GaussianKLDivergence`, so
    one `Dense(2 * dim)` computes both. In training the output is `mean + exp(log_variance / 2) * noise`, with
    new standard normal `noise` in every call. The noise is a constant for the gradient, which reaches the
    mean and the log variance. Use it between encoder and decoder of a variational autoencoder.

    Reference: Kingma, Welling, 2013, "Auto-Encoding Variational Bayes", arXiv 1312.6114.

    Args:
        inference: Output outside training: `"mean"`, or `"sample"` to draw as in training. Defaults to
            `"mean"`.
        {seed}
        {kwargs}

    Call arguments:
        inputs: A floating-point tensor. Log variances above 60 are clipped to 60.
        {training}

    Input shape:
        `(batch, ..., 2 * dim)`.

    Output shape:
        `(batch, ..., dim)`.

    Raises:
        ValueError: for an unknown `inference`, or an input of rank 1 or whose last axis does not have a
            known, even size.

    >>> layer = GaussianSampling(seed=0)
    >>> [float(value) for value in layer(np.array([[5.0, -5.0, 0.0, 0.0]]))[0]]
    [5.0, -5.0]
    """

    def __init__(self, *, inference="mean", seed=None, **kwargs):
        super().__init__(**kwargs)
        self.inference = validation.one_of("inference", inference, ("mean", "sample"))
        self.seed = validation.non_negative_integer("seed", seed, optional=True)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs, training=False):
        mean, log_variance = ops.split(inputs, 2, axis=-1)
        if not training and self.inference == "mean":
            return mean
        dtype = at_least_float32(self.compute_dtype)
        mean, log_variance = ops.cast(mean, dtype), ops.cast(log_variance, dtype)
        largest = LARGEST_LOG_VARIANCE * ops.ones_like(log_variance)
        deviation = ops.exp(ops.where(log_variance >= largest, largest, log_variance) / 2)
        noise = keras.random.normal(ops.shape(mean), dtype=dtype, seed=self.seed_generator)
        return ops.cast(mean + deviation * noise, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        if len(input_shape) < 2 or input_shape[-1] is None or input_shape[-1] % 2:
            raise ValueError(
                "The last axis of the input must have a known, even size: means, then log variances. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        return (*input_shape[:-1], input_shape[-1] // 2)

    def get_config(self):
        return {**super().get_config(), "inference": self.inference, "seed": self.seed}
