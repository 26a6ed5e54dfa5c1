"""Fast dropout: a Gaussian approximation of dropout of the inputs."""

import keras
from keras import ops

from keras_cnn_zoo.layers.base_dense import BaseDense
from keras_cnn_zoo.ops import affine
from keras_cnn_zoo.ops.expected_activation import expected_activation, is_joint, is_linear
from keras_cnn_zoo.ops.gaussian import deviation
from keras_cnn_zoo.ops.windows import as_float32
from keras_cnn_zoo.utils import docstrings, validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class FastDropoutDense(BaseDense):
    """Dense layer with dropout of its inputs, approximated by a Gaussian.

    A sum of many inputs, each dropped with probability `rate`, is nearly Gaussian, with mean `(1 - rate) * (x
    . kernel) + bias` and variance `rate * (1 - rate) * (x^2 . kernel^2)`. Training draws from this Gaussian:
    one number per unit instead of one per input, independently for each unit. Inference returns the mean of
    the activation, which differs from the activation of the mean.

    The variance overflows in float32 for inputs above 1e18. Below 1e-18, it counts as 0.

    Reference: Wang, Manning, 2013, "Fast Dropout Training" (ICML); section 3.5.2 of the survey.

    Differs from the paper: the mean of the sigmoid is exact up to rounding; the paper approximates it. The
    means of most activations, including all that are piecewise linear, have closed forms; the others are
    integrals that are split at 0. A function that is not Keras' must be elementwise and smooth on both sides
    of 0; then the errors are below 1e-6 up to a deviation of 100. A joint activation, such as softmax, is
    applied to the mean. As in the paper, kept inputs are not scaled up:
    kernels equal those of `keras.layers.Dropout(rate)` and `Dense`, divided by `1 - rate`.

    Args:
        {units}
        rate: Probability of dropping an input, in [0, 1).
        activation: Activation of the units, or None. Put a `Maxout` or `Probout` layer after this one.
        use_bias: Whether the units have biases, which are not dropped. Defaults to True.
        {weights}
        {seed}
        {kwargs}

    Call arguments:
        {inputs}
        {training}

    Input shape:
        {vectors}

    Output shape:
        `(batch, ..., units)`.

    Raises:
        {dense_errors}

    >>> layer = FastDropoutDense(4, rate=0.5, activation="relu")
    >>> print(layer(np.ones((2, 3)), training=True).shape)
    (2, 4)
    """

    def __init__(
        self,
        units,
        rate,
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
        self.rate = validation.probability("rate", rate, allow_one=False)
        self.seed = validation.non_negative_integer("seed", seed, optional=True)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def _preactivation(self, inputs):
        """Returns the mean, over the draws, of the activation's input."""
        return affine.add_bias((1 - self.rate) * affine.dense(inputs, self.kernel), self.bias)

    def call(self, inputs, training=False):
        mean = self._preactivation(inputs)
        linear = is_linear(self.activation) or is_joint(self.activation)
        if self.rate == 0 or (linear and not training):
            return self._activate(mean)
        kernel = as_float32(ops.convert_to_tensor(self.kernel))
        energy = affine.dense(ops.square(as_float32(inputs)), ops.square(kernel))
        variance = self.rate * (1 - self.rate) * energy
        mean = as_float32(mean)
        if training:
            outputs = self._activate(ops.cast(self._draw(mean, variance), self.compute_dtype))
        else:
            outputs = expected_activation(self.activation, mean, variance)
        return ops.cast(outputs, self.compute_dtype)

    def _draw(self, mean, variance):
        dtype = keras.backend.standardize_dtype(mean.dtype)
        noise = keras.random.normal(ops.shape(mean), dtype=dtype, seed=self.seed_generator)
        scale, wide = deviation(variance)
        return mean + ops.where(wide, scale * noise, ops.zeros_like(scale))

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
