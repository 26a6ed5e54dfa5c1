"""Stochastic depth."""

import keras
from keras import ops

from keras_cnn_zoo.utils import docstrings, validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class StochasticDepth(keras.layers.Layer):
    """Dropout of a whole residual branch: `x + StochasticDepth(rate)(branch(x))`.

    In training the branch is 0 with probability `rate`, drawn per example or per batch. Inference returns the
    mean over the draws. It regularizes networks of hundreds of layers and lets them train as if they were
    shallower. The paper's `rate` grows linearly with depth, from 0 to 1/2 at the last block.

    Reference: Huang, Sun, Liu, Sedra, Weinberger, 2016, "Deep Networks with Stochastic Depth", arXiv
    1603.09382.

    Differs from the paper: the paper draws one number per batch, which adds variance, and multiplies by `1 -
    rate` at inference; use `per="batch", scale_at="inference"` for that. By default, kept branches are scaled
    up in training, so inference is the plain network. A dropped branch is still computed.

    Args:
        rate: Probability of dropping the branch, in [0, 1).
        per: Scope of one draw, `"example"` or `"batch"`. Defaults to `"example"`.
        scale_at: `"training"` divides kept branches by `1 - rate` in training; `"inference"` multiplies by it
            at inference. Defaults to `"training"`.
        {seed}
        {kwargs}

    Call arguments:
        inputs: A floating-point tensor, the output of the branch.
        training: Whether to drop.

    Input shape:
        `(batch, ...)`.

    Output shape:
        Same as the input.

    Raises:
        ValueError: for an argument outside its range.

    >>> layer = StochasticDepth(0.75, seed=1)
    >>> sorted({float(value) for value in layer(np.ones(100), training=True)})
    [0.0, 4.0]
    """

    receptive_steps = "pointwise"

    def __init__(self, rate, *, per="example", scale_at="training", seed=None, **kwargs):
        super().__init__(**kwargs)
        self.rate = validation.probability("rate", rate, allow_one=False)
        self.per = validation.one_of("per", per, ("example", "batch"))
        self.scale_at = validation.one_of("scale_at", scale_at, ("training", "inference"))
        self.seed = validation.integer("seed", seed, optional=True)
        self.seed_generator = keras.random.SeedGenerator(self.seed)
        self.supports_masking = True

    def build(self, input_shape):
        self.built = True

    def call(self, inputs, training=False):
        if self.rate == 0:
            return inputs
        if not training:
            return inputs * (1 - self.rate) if self.scale_at == "inference" else inputs
        kept = ops.cast(self._draw(inputs), inputs.dtype)
        return inputs * (kept if self.scale_at == "inference" else kept * (1 / (1 - self.rate)))

    def _draw(self, inputs):
        """Returns where to keep the branch, drawn in float32: half precision would be too coarse."""
        ones = (1,) * (len(inputs.shape) - 1)
        count = ops.shape(inputs)[0] if self.per == "example" else 1
        shape = (None, *ones) if self.per == "example" else (1, *ones)
        drawn = keras.random.dropout(
            ops.ones((count, *ones), dtype="float32"), self.rate, noise_shape=shape, seed=self.seed_generator
        )
        return drawn > 0

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "rate": self.rate,
            "per": self.per,
            "scale_at": self.scale_at,
            "seed": self.seed,
        }
