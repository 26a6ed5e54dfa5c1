"""What layers with the weights of a dense layer share."""

import keras
from keras import ops

from keras_cnn_zoo.layers.base_kernel import BaseKernel
from keras_cnn_zoo.utils import validation


class BaseDense(BaseKernel):
    """A kernel of shape `(channels, columns)` and a bias; what they compute is the subclass's."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = validation.positive_integer("units", units)
        self.supports_masking = True

    @property
    def columns(self):
        """Columns of the kernel."""
        return self.units

    def build(self, input_shape):
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(
                f"`{type(self).__name__}` takes inputs of at least rank 2 with a last axis of known size. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        self.kernel = self.add_kernel((input_shape[-1], self.columns))
        self.bias = self.add_bias((self.columns,))
        self.input_spec = keras.layers.InputSpec(min_ndim=2, axes={-1: input_shape[-1]})
        self.built = True

    @staticmethod
    def product(inputs, kernel):
        """`inputs @ kernel`; `keras.ops.matmul` computes float64 in float32 on PyTorch."""
        rows = "abcdefgh"[: len(inputs.shape) - 1]
        return ops.einsum(f"{rows}i,io->{rows}o", inputs, kernel)

    def affine(self, inputs):
        """What the activation of a dense layer would be given."""
        outputs = self.product(inputs, self.kernel)
        return outputs if self.bias is None else outputs + self.bias

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units}
