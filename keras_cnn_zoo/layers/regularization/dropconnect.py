"""DropConnect: dropout of single weights."""

import keras
from keras import ops

from keras_cnn_zoo.layers.base_wrapper import BaseWrapper
from keras_cnn_zoo.ops.example_convolution import example_convolution
from keras_cnn_zoo.ops.gaussian import expected_activation, is_joint
from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.dtypes import at_least_float32

CONVOLUTIONS = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class DropConnect(BaseWrapper):
    """Drops single weights of a dense or convolutional layer in training.

    `y = activation((R * kernel) x + r * bias)`, with `R` and `r` drawn from {0, 1}, 0 with probability
    `rate`; kept weights are not scaled up. At inference `"mean"` replaces every weight by its mean,
    `(1 - rate) * kernel`. `"moment_matching"` takes what the activation is given for a Gaussian with its true
    mean `(1 - rate) (kernel x + bias)` and variance
    `rate (1 - rate) ((kernel * kernel) (x * x) + bias * bias)`, and returns the mean of the activation under
    it. For large dense layers that overfit; it costs one random number per weight and step.

    Reference: Wan, Zeiler, Zhang, LeCun, Fergus, 2013, "Regularization of Neural Networks using DropConnect"
    (ICML); section 3.5.3 of the survey.

    Differs from the paper: its inference samples the Gaussian; `"moment_matching"` is what the samples
    converge to, in closed form for linear and ReLU layers and by 32-point Gauss-Hermite quadrature for other
    activations. The paper draws a mask per example, here `per_example=True`; the default shares one over the
    batch, which is far cheaper.

    Args:
        layer: A `Dense`, `Conv1D`, `Conv2D` or `Conv3D` layer, built or not; its weights are used, not
            copied.
        rate: Probability of dropping a weight, in [0, 1).
        per_example: Whether each example gets masks of its own, at the price of `batch` copies of the kernel.
            Defaults to False.
        inference: `"mean"` or `"moment_matching"`. Defaults to `"mean"`.
        seed: Integer seed of the masks, or None. Defaults to None.
        **kwargs: `name`, `dtype` (that of `layer` by default, and given to a `layer` not yet built), ...

    Call arguments:
        inputs: A floating-point tensor, as for `layer`.
        training: Whether to draw masks.

    Input shape:
        That of `layer`.

    Output shape:
        That of `layer`.

    Raises:
        ValueError: for another kind of layer, a `rate` outside [0, 1), moment matching of an activation that
            is not element by element, such as softmax, or an input of the wrong rank.

    >>> layer = DropConnect(keras.layers.Dense(4, activation="relu"), rate=0.5)
    >>> tuple(layer(np.ones((2, 3)), training=True).shape)
    (2, 4)
    """

    def __init__(self, layer, rate, *, per_example=False, inference="mean", seed=None, **kwargs):
        if not _is_supported(layer):
            validation.fail("layer", "a Dense, Conv1D, Conv2D or Conv3D layer that is not quantized", layer)
        super().__init__(layer, **kwargs)
        self.rate = validation.probability("rate", rate, allow_one=False)
        self.per_example = validation.boolean("per_example", per_example)
        self.inference = validation.one_of("inference", inference, ("mean", "moment_matching"))
        if self.inference == "moment_matching" and is_joint(layer.activation):
            name = layer.activation.__name__
            validation.fail("inference", f"'mean' for a layer with the activation {name!r}", inference)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        rank = len(input_shape)
        if rank != self.layer.rank + 2 if self._is_convolution else rank < 2:
            raise ValueError(
                f"The input has the wrong rank for `layer`, a {type(self.layer).__name__}. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        super().build(input_shape)

    @property
    def _is_convolution(self):
        return isinstance(self.layer, CONVOLUTIONS)

    def call(self, inputs, training=False):
        kernel = ops.convert_to_tensor(self.layer.kernel)
        bias = ops.convert_to_tensor(self.layer.bias) if self.layer.use_bias else None
        if training and self.rate > 0:
            batch = (ops.shape(inputs)[0],) if self.per_example else ()
            outputs = self._affine(
                inputs, self._drop(kernel, batch), None if bias is None else self._drop(bias, batch)
            )
            outputs = self._activate(outputs)
        elif self.inference == "mean" or self.rate == 0:
            outputs = self._activate((1 - self.rate) * self._affine(inputs, kernel, bias))
        else:
            expected = expected_activation(self.layer.activation, *self._moments(inputs, kernel, bias))
            outputs = ops.cast(expected, self.compute_dtype)
        if self.layer.activity_regularizer is not None:
            self.add_loss(self.layer.activity_regularizer(outputs))
        return outputs

    def _drop(self, weight, batch):
        draw = keras.random.uniform((*batch, *weight.shape), dtype="float32", seed=self.seed_generator)
        return weight * ops.cast(draw >= self.rate, weight.dtype)

    def _affine(self, inputs, kernel, bias):
        """`layer` without its activation; a kernel and bias with one more axis are one for each example."""
        own = len(kernel.shape) > len(self.layer.kernel.shape)
        if self._is_convolution:
            outputs = self._convolve_each(inputs, kernel) if own else self._convolve(inputs, kernel)
        else:
            source = "abdefgh"[: len(inputs.shape) - 1]
            outputs = ops.einsum(f"{source}i,{'a' if own else ''}io->{source}o", inputs, kernel)
        if bias is None:
            return outputs
        shape = [1] * len(outputs.shape)
        shape[0] = ops.shape(outputs)[0] if own else 1
        shape[1 if self._is_channels_first else -1] = bias.shape[-1]
        return outputs + ops.reshape(bias, shape)

    @property
    def _is_channels_first(self):
        return self._is_convolution and self.layer.data_format == "channels_first"

    def _convolve(self, inputs, kernel):
        layer, padding = self.layer, self.layer.padding
        if padding == "causal":
            before = layer.dilation_rate[0] * (layer.kernel_size[0] - 1)
            pads = [(0, 0), (0, 0), (0, 0)]
            pads[2 if self._is_channels_first else 1] = (before, 0)
            inputs, padding = ops.pad(inputs, pads), "valid"
        return ops.conv(inputs, kernel, layer.strides, padding, layer.data_format, layer.dilation_rate)

    def _convolve_each(self, inputs, kernels):
        layer, rank = self.layer, len(inputs.shape)
        if self._is_channels_first:
            inputs = ops.transpose(inputs, (0, *range(2, rank), 1))
        outputs = example_convolution(
            inputs, kernels, strides=layer.strides, padding=layer.padding, dilation_rate=layer.dilation_rate
        )
        return (
            ops.transpose(outputs, (0, rank - 1, *range(1, rank - 1))) if self._is_channels_first else outputs
        )

    def _activate(self, outputs):
        return outputs if self.layer.activation is None else self.layer.activation(outputs)

    def _moments(self, inputs, kernel, bias):
        """Mean and variance, over the masks, of what the activation is given."""
        dtype = at_least_float32(self.compute_dtype)
        inputs, kernel = ops.cast(inputs, dtype), ops.cast(kernel, dtype)
        bias = None if bias is None else ops.cast(bias, dtype)
        mean = self._affine(inputs, kernel, bias)
        energy = self._affine(
            ops.square(inputs), ops.square(kernel), None if bias is None else ops.square(bias)
        )
        return (1 - self.rate) * mean, self.rate * (1 - self.rate) * energy

    def get_config(self):
        return {
            **super().get_config(),
            "rate": self.rate,
            "per_example": self.per_example,
            "inference": self.inference,
            "seed": self.seed,
        }


def _is_supported(layer):
    """Whether `call` is that of Dense or of a convolution, not of a subclass that computes something else."""
    return any(
        isinstance(layer, kind)
        and type(layer).call is kind.call
        and getattr(type(layer), "convolution_op", None) is getattr(kind, "convolution_op", None)
        and layer.dtype_policy.quantization_mode is None
        for kind in (keras.layers.Dense, *CONVOLUTIONS)
    )
