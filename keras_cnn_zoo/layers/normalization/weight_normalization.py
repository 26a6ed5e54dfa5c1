"""Weight normalization: separates the length of a kernel from its direction."""

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.layers import functional_call
from keras_cnn_zoo.layers.base_wrapper import BaseWrapper
from keras_cnn_zoo.ops import statistics
from keras_cnn_zoo.utils import docstrings, validation
from keras_cnn_zoo.utils.dtypes import at_least_float32

TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)
DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
OTHERS = (keras.layers.Dense, *functional_call.CONVOLUTIONS)


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class WeightNormalization(BaseWrapper):
    """Wrapper that learns the length and the direction of each kernel of a layer separately.

    The layer's kernel becomes `v`, and the layer computes with `g * v / norm(v)`, with one length `g` and one
    Euclidean norm per unit or filter. `g` and `v` are trained. Gradients are orthogonal to `v`, training is
    less sensitive to the scale of the kernels, and nothing depends on the batch. For recurrent, generative,
    and reinforcement learning models, and batches too small for batch normalization.

    `g` starts as the norm of the kernel, so wrapping a layer, trained or not, does not change its output.
    `initialize(inputs)` sets `g` from a batch, as in the paper, so that outputs before the activation have
    mean 0 and variance 1. The layer's kernel regularizer and constraint act on `v`.

    The squared norm overflows in float32 for kernels above 1e18.

    Reference: Salimans, Kingma, 2016, "Weight Normalization: A Simple Reparameterization to Accelerate
    Training of Deep Neural Networks", arXiv 1602.07868.

    Differs from the paper: the layer's `kernel_initializer` initializes `v`, not N(0, 0.05); `initialize`
    does the rest as in the paper.

    Args:
        layer: A `Dense`, `Conv1D`, `Conv2D`, `Conv3D`, `DepthwiseConv1D`, `DepthwiseConv2D` or transposed
            convolution layer, built or not; its weights are used, not copied.
        {wrapper_kwargs}

    Call arguments:
        inputs: A floating-point tensor, as for `layer`. Norms are computed in at least float32.

    Input shape:
        Same as for `layer`.

    Output shape:
        Same as for `layer`.

    Raises:
        ValueError: for another kind of layer; in `initialize`, for inputs for which the outputs of a unit are
            constant or not finite.

    >>> layer = WeightNormalization(keras.layers.Dense(3, kernel_initializer="ones"))
    >>> print(layer(np.ones((2, 4))).shape, float(layer.g[0]))
    (2, 3) 2.0
    """

    def __init__(self, layer, **kwargs):
        if (
            not isinstance(layer, OTHERS + TRANSPOSED + DEPTHWISE)
            or not functional_call.has_float_kernel(layer)
            or getattr(layer, "lora_rank", None) is not None
        ):
            validation.fail(
                "layer",
                "a Dense, ConvND, ConvNDTranspose, or DepthwiseConvND layer without LoRA, in floating point "
                "or quantized to int8",
                layer,
            )
        super().__init__(layer, **kwargs)

    def build(self, input_shape):
        super().build(input_shape)
        self.g = self.add_weight(
            name="g",
            shape=[size for axis, size in enumerate(self.layer.kernel.shape) if axis not in self._summed],
            initializer=self._initial_g,
            autocast=False,
        )
        self.built = True

    def _initial_g(self, shape, dtype=None):
        kernel = functional_call.float_kernel(self.layer)
        return ops.cast(ops.reshape(self._norm(kernel), shape), dtype)

    @property
    def _summed(self):
        """Axes of the kernel over which the norm of one unit or filter is taken."""
        axes = tuple(range(len(self.layer.kernel.shape)))
        if isinstance(self.layer, TRANSPOSED):
            return (*axes[:-2], axes[-1])
        return axes[:-2] if isinstance(self.layer, DEPTHWISE) else axes[:-1]

    @property
    def _wide(self):
        return at_least_float32(self.compute_dtype)

    def _norm(self, kernel):
        """Returns the norm of each unit; 1 for a kernel of zeros, so that its gradient is finite."""
        energy = ops.sum(ops.square(ops.cast(kernel, self._wide)), axis=self._summed, keepdims=True)
        return ops.sqrt(ops.where(energy <= 0, ops.ones_like(energy), energy))

    def call(self, inputs):
        direction = self._direction()
        length = ops.reshape(
            ops.cast(self.g, self._wide),
            [1 if axis in self._summed else size for axis, size in enumerate(direction.shape)],
        )
        bias = ops.convert_to_tensor(self.layer.bias) if self.layer.use_bias else None
        outputs = functional_call.functional_call(self.layer, inputs, length * direction, bias)
        if self.layer.activity_regularizer is not None:
            self.add_loss(self.layer.activity_regularizer(outputs))
        return outputs

    def _direction(self):
        kernel = ops.cast(functional_call.float_kernel(self.layer), self._wide)
        return kernel / self._norm(kernel)

    def lsuv_kernels(self):
        """Returns how `initializers.lsuv` scales the wrapped layer: by `g`."""
        return [{"kernel": self.layer.kernel, "scale": self.g}]

    def initialize(self, inputs):
        """Sets `g` and the bias so that the layer's outputs on `inputs` have mean 0 and variance 1.

        This is before the activation, per unit or filter, over the batch and the spatial axes. Without a bias
        the mean is unchanged. In a network, go from the first layer to the last, and pass each layer the new
        outputs of the one before.

        Args:
            inputs: A batch of the layer's inputs, a few hundred examples.
        """
        inputs = ops.cast(ops.convert_to_tensor(inputs), self._wide)
        if not self.built:
            self.build(inputs.shape)
        layer = self.layer
        bias = ops.zeros(layer.bias.shape, self._wide) if layer.use_bias else None
        outputs = functional_call.preactivation(layer, inputs, self._direction(), bias)
        channels = 1 if getattr(layer, "data_format", None) == "channels_first" else len(outputs.shape) - 1
        others = tuple(axis for axis in range(len(outputs.shape)) if axis != channels)
        mean = statistics.mean(outputs, others, keepdims=True)
        variance = ops.convert_to_numpy(statistics.mean(ops.square(outputs - mean), others))
        mean = ops.convert_to_numpy(mean).reshape(-1)
        # A smaller variance is rounding error of constant outputs.
        useful = np.isfinite(variance) & (variance > 1e-12 * np.square(mean))
        if not useful.all():
            raise ValueError(
                "The outputs of every unit for `inputs` must vary and be finite. Received: inputs for which "
                f"the outputs of a unit have the variance {variance[~useful][0]}"
            )
        factor = 1 / np.sqrt(variance)
        self.g.assign(factor.reshape(self.g.shape))
        if layer.use_bias:
            layer.bias.assign(-mean * factor)
