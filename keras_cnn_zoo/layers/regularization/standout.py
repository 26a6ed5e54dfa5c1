"""Standout: dropout with probabilities computed from the input."""

import keras
from keras import ops

from keras_cnn_zoo.layers.base_dense import BaseDense
from keras_cnn_zoo.ops.windows import as_float32
from keras_cnn_zoo.utils import docstrings, validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class Standout(BaseDense):
    """Dense layer that drops each unit with a probability that depends on the unit's input.

    With `z = x . kernel + bias` every unit and example has the keep probability `keep = sigmoid(alpha * z +
    beta)`. In training `y = r * activation(z)`, with `r` drawn from {0, 1}, 1 with probability `keep`; at
    inference `y = keep * activation(z)`. So confident units are kept and weak ones dropped. `alpha=0` is
    dropout with the rate `1 - sigmoid(beta)`. Unlike in `keras.layers.Dropout`, kept units are not scaled up.

    Reference: Ba, Frey, 2013, "Adaptive Dropout for Training Deep Neural Networks" (NIPS); section 3.5.2 of
    the survey.

    Differs from the paper: the paper learns separate weights for the keep probabilities and finds that they
    become an affine function of the layer's weights. Here they are that function from the start, the paper's
    variant without extra weights. The bias is part of the weights, and `beta` is added to the sum.

    Args:
        {units}
        activation: Activation of the units, or None.
        use_bias: Whether the units have biases. Defaults to True.
        {weights}
        alpha: How strongly the keep probability depends on the unit's input. Defaults to 1.
        beta: Logit of the keep probability of a unit with input 0. Defaults to 0, a probability of 1/2.
        {seed}
        {kwargs}

    Call arguments:
        {inputs}
        training: Whether to drop units.

    Input shape:
        {vectors}

    Output shape:
        `(batch, ..., units)`.

    Raises:
        {dense_errors}

    >>> layer = Standout(4, activation="relu", alpha=1.0, beta=0.5)
    >>> print(layer(np.ones((2, 3)), training=True).shape)
    (2, 4)
    """

    def __init__(
        self,
        units,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        *,
        alpha=1.0,
        beta=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            units,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            **kwargs,
        )
        self.alpha = validation.finite_number("alpha", alpha)
        self.beta = validation.finite_number("beta", beta)
        self.seed = validation.non_negative_integer("seed", seed, optional=True)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def call(self, inputs, training=False):
        outputs = self._preactivation(inputs)
        logits = self.alpha * as_float32(outputs) + self.beta
        outputs = self._activate(outputs)
        if training:
            draw = keras.random.uniform(ops.shape(outputs), dtype="float32", seed=self.seed_generator)
            dropped = ops.cast(ops.sigmoid(-ops.stop_gradient(logits)), "float32")
            # NaN is kept: XLA makes a selection of this product, so 0 times NaN would be 0.
            return outputs * ops.cast(ops.logical_not(draw < dropped), outputs.dtype)
        return ops.cast(as_float32(outputs) * ops.sigmoid(logits), self.compute_dtype)

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha, "beta": self.beta, "seed": self.seed}
