"""Penalty on the change of a layer's output under input noise."""

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
    """Wrapper that penalizes the change of a layer's output under Gaussian noise on its input.

    In training the layer runs a second time on noisy inputs, and `factor * mean((layer(x + noise) - layer(x))
    ** 2)` is added to the loss: the mean is over all elements, and the noise is from N(0, `stddev` squared).
    The output is computed without noise. For small noise this is Tikhonov regularization: the penalty
    approaches `factor * stddev ** 2` times the squared Frobenius norm of the layer's Jacobian, divided by its
    number of outputs. `NoiseInvariance(model, ...)` makes a whole model smooth at the training points, a more
    principled weight decay. It costs a second pass in training and nothing at inference.

    Both passes use the same dropout masks. The noisy pass updates no moving averages and adds no losses of
    the layer.

    Reference: Bishop, 1995, "Training with Noise is Equivalent to Tikhonov Regularization" (Neural
    Computation 7); section 3.5.1 of the survey, which lists it next to weight decay.

    Differs from the paper: Bishop adds the noise to the inputs of the training error and derives the penalty
    from the expansion. Here the penalty is a separate term, so the output and its error have no noise.

    Args:
        layer: The layer, `keras.Model`, or `keras.Sequential` to make invariant, built or not, with one
            floating-point input. Its weights are used, not copied.
        stddev: Standard deviation of the noise, a non-negative number in units of the input.
        factor: Non-negative weight of the penalty.
        seed: Integer seed of the noise, or None. Defaults to None.
        {wrapper_kwargs}

    Call arguments:
        inputs: A floating-point tensor, as for `layer`.
        training: Whether to add the penalty.

    Input shape:
        Same as for `layer`.

    Output shape:
        Same as for `layer`, which must return one tensor.

    Raises:
        ValueError: for an argument outside its range, or a `layer` that is not a layer.

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
        # The noisy pass comes first, so that both passes start from the same random state of the layer.
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
