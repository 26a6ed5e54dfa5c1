"""DropConnect: dropout of weights."""

import keras
from keras import ops

from keras_cnn_zoo.layers import functional_call
from keras_cnn_zoo.layers.base_wrapper import BaseWrapper
from keras_cnn_zoo.ops.expected_activation import expected_activation, is_joint, shown_name
from keras_cnn_zoo.utils import docstrings, validation
from keras_cnn_zoo.utils.dtypes import at_least_float32

LAYERS = "a Dense, Conv1D, Conv2D, or Conv3D layer in floating point or quantized to int8"


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class DropConnect(BaseWrapper):
    """Wrapper that drops weights of a dense or convolutional layer in training.

    `y = activation((R * kernel) x + r * bias)`, with `R` and `r` drawn from {0, 1}, 0 with probability
    `rate`; kept weights are not scaled up. At inference, `"mean"` replaces every weight by its mean, `(1 -
    rate) * kernel`. `"moment_matching"` models the activation's input as a Gaussian with the true mean `(1 -
    rate) (kernel x + bias)` and variance `rate (1 - rate) ((kernel * kernel) (x * x) + bias * bias)`, and
    returns the expected activation. Use it for large dense layers that overfit. Each step draws one random
    number per weight.

    For `"moment_matching"`, the variance overflows in float32 for inputs above 1e18.

    Reference: Wan, Zeiler, Zhang, LeCun, Fergus, 2013, "Regularization of Neural Networks using DropConnect"
    (ICML); section 3.5.3 of the survey.

    Differs from the paper: the paper's inference samples the Gaussian. `"moment_matching"` computes the limit
    of the samples: in closed form for most activations, including all that are piecewise linear, and by
    integrals that are split at 0 for others. A function that is not Keras' must be elementwise and smooth on
    both sides of 0; then the errors are below 1e-6 up to a deviation of 100. The paper draws one mask per
    example (`per_example=True`); by default the batch shares one mask, which is far cheaper.

    Args:
        layer: A `Dense`, `Conv1D`, `Conv2D`, or `Conv3D` layer, built or not, in floating point or quantized
            to int8; its weights are used, not copied.
        rate: Probability of dropping a weight, in [0, 1).
        per_example: Whether each example gets separate masks, at the cost of `batch` copies of the kernel.
            Defaults to False.
        inference: `"mean"` or `"moment_matching"`. Defaults to `"mean"`.
        seed: Integer seed of the masks, or None. Defaults to None.
        {wrapper_kwargs}

    Call arguments:
        inputs: A floating-point tensor, as for `layer`.
        training: Whether to draw masks.

    Input shape:
        Same as for `layer`.

    Output shape:
        Same as for `layer`.

    Raises:
        ValueError: for another kind of layer, a `rate` outside [0, 1), moment matching of an activation that
            is not elementwise, such as softmax, or an input of the wrong rank.

    >>> layer = DropConnect(keras.layers.Dense(4, activation="relu"), rate=0.5)
    >>> tuple(layer(np.ones((2, 3)), training=True).shape)
    (2, 4)
    """

    def __init__(self, layer, rate, *, per_example=False, inference="mean", seed=None, **kwargs):
        if not (
            isinstance(layer, keras.layers.Layer)
            and functional_call.is_plain(layer)
            and functional_call.has_float_kernel(layer)
        ):
            validation.fail("layer", LAYERS, layer)
        super().__init__(layer, **kwargs)
        self.rate = validation.probability("rate", rate, allow_one=False)
        self.per_example = validation.boolean("per_example", per_example)
        self.inference = validation.one_of("inference", inference, ("mean", "moment_matching"))
        if self.inference == "moment_matching" and is_joint(layer.activation):
            name = shown_name(layer.activation)
            validation.fail("inference", f"'mean' for a layer with the joint activation {name!r}", inference)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        rank = len(input_shape)
        is_convolution = isinstance(self.layer, functional_call.CONVOLUTIONS)
        if rank != self.layer.rank + 2 if is_convolution else rank < 2:
            raise ValueError(
                f"The input has the wrong rank for `layer`, a {type(self.layer).__name__}. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        super().build(input_shape)

    def call(self, inputs, training=False):
        kernel = functional_call.float_kernel(self.layer)
        bias = ops.convert_to_tensor(self.layer.bias) if self.layer.use_bias else None
        if training and self.rate > 0:
            batch = (ops.shape(inputs)[0],) if self.per_example else ()
            kernel = self._drop(kernel, batch)
            bias = None if bias is None else self._drop(bias, batch)
            outputs = functional_call.functional_call(self.layer, inputs, kernel, bias)
        elif self.inference == "mean" or self.rate == 0:
            mean = (1 - self.rate) * functional_call.preactivation(self.layer, inputs, kernel, bias)
            outputs = functional_call.activated(self.layer, mean)
        else:
            expected = expected_activation(self.layer.activation, *self._moments(inputs, kernel, bias))
            outputs = ops.cast(expected, self.compute_dtype)
        if self.layer.activity_regularizer is not None:
            self.add_loss(self.layer.activity_regularizer(outputs))
        return outputs

    def _drop(self, weight, batch):
        draw = keras.random.uniform((*batch, *weight.shape), dtype="float32", seed=self.seed_generator)
        return weight * ops.cast(draw >= self.rate, weight.dtype)

    def _moments(self, inputs, kernel, bias):
        """Returns the mean and variance, over the masks, of the activation's input."""
        dtype = at_least_float32(self.compute_dtype)
        given = [None if tensor is None else ops.cast(tensor, dtype) for tensor in (inputs, kernel, bias)]
        squares = [None if tensor is None else ops.square(tensor) for tensor in given]
        mean = functional_call.preactivation(self.layer, *given)
        energy = functional_call.preactivation(self.layer, *squares)
        return (1 - self.rate) * mean, self.rate * (1 - self.rate) * energy

    def get_config(self):
        return {
            **super().get_config(),
            "rate": self.rate,
            "per_example": self.per_example,
            "inference": self.inference,
            "seed": self.seed,
        }
