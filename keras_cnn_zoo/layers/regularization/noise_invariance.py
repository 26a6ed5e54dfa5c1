"""A penalty on what input noise changes in a layer's output."""

import inspect

import keras
from keras import ops

from keras_cnn_zoo.layers.base_wrapper import BaseWrapper
from keras_cnn_zoo.ops import statistics
from keras_cnn_zoo.utils import docstrings, validation
from keras_cnn_zoo.utils.dtypes import at_least_float32


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class NoiseInvariance(BaseWrapper):
    """Penalizes the change of a layer's output under Gaussian noise on its input.

    In training the layer runs a second time on noisy inputs, and `factor * mean((layer(x + noise) -
    layer(x)) ** 2)` is added to the loss, the mean over all elements, the noise from N(0, `stddev` squared).
    The output is that without noise. For small noise this is Tikhonov regularization: the penalty tends to
    `factor * stddev ** 2` times the squared Frobenius norm of the layer's Jacobian over its number of
    outputs. Around a whole model (`NoiseInvariance(model, ...)`) it makes the function smooth at the training
    points, a more principled weight decay; it costs a second pass in training and nothing at inference.

    Both passes see the same dropout masks, and the noisy one leaves no trace: it updates no moving average
    and adds none of the layer's own losses.

    Reference: Bishop, 1995, "Training with Noise is Equivalent to Tikhonov Regularization" (Neural
    Computation 7); section 3.5.1 of the survey, which names it next to weight decay.

    Differs from the paper: Bishop adds the noise to the inputs of the training error and finds the penalty in
    the expansion; here it is a term of its own, so that the output and its error stay free of noise.

    Args:
        layer: The layer to make invariant, built or not, of one floating-point tensor; a `keras.Model` or
            `keras.Sequential` too. Its weights are used, not copied.
        stddev: Standard deviation of the noise, a non-negative number in units of the input.
        factor: Non-negative weight of the penalty.
        seed: Integer seed of the noise, or None. Defaults to None.
        {wrapper_kwargs}

    Call arguments:
        inputs: A floating-point tensor, as for `layer`.
        training: Whether to add the penalty.

    Input shape:
        That of `layer`.

    Output shape:
        That of `layer`, which must give one tensor.

    Raises:
        ValueError: for an argument outside its range, or something that is not a layer.

    >>> layer = NoiseInvariance(keras.layers.Dense(3), stddev=0.1, factor=1.0)
    >>> y = layer(np.ones((2, 4)), training=True)
    >>> print(y.shape, len(layer.losses))
    (2, 3) 1
    """

    def __init__(self, layer, stddev, factor, *, seed=None, **kwargs):
        super().__init__(layer, **kwargs)
        self.stddev = validation.finite_number("stddev", stddev, minimum=0)
        self.factor = validation.finite_number("factor", factor, minimum=0)
        self.seed = validation.non_negative_integer("seed", seed, optional=True)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def call(self, inputs, training=False):
        mode = {}
        if "training" in inspect.signature(self.layer.call).parameters:
            mode["training"] = training
        if not training or not self.stddev or not self.factor:
            return self.layer(inputs, **mode)
        noise = self.stddev * keras.random.normal(
            ops.shape(inputs), dtype=self.compute_dtype, seed=self.seed_generator
        )
        # First, so that both passes start from the same state of the layer's own random draws.
        changed, _ = self.layer.stateless_call(
            [weight.value for weight in self.layer.trainable_variables],
            [weight.value for weight in self.layer.non_trainable_variables],
            inputs + noise,
            **mode,
        )
        outputs = self.layer(inputs, **mode)
        dtype = at_least_float32(outputs.dtype)
        change = ops.cast(changed, dtype) - ops.cast(outputs, dtype)
        self.add_loss(self.factor * statistics.mean(ops.square(change), tuple(range(len(outputs.shape)))))
        return outputs

    def get_config(self):
        return {**super().get_config(), "stddev": self.stddev, "factor": self.factor, "seed": self.seed}
