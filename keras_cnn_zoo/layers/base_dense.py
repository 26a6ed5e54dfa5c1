"""What layers with the weights of a dense layer share."""

import keras
from keras import ops

from keras_cnn_zoo.layers import kernels
from keras_cnn_zoo.utils import validation


class BaseDense(keras.layers.Layer):
    """A kernel of shape `(channels, columns)` and a bias; what they compute is the subclass's."""

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
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = validation.positive_integer("units", units)
        self.activation = keras.activations.get(activation)
        self.use_bias = validation.boolean("use_bias", use_bias)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.bias_regularizer = keras.regularizers.get(bias_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.bias_constraint = keras.constraints.get(bias_constraint)
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
        self.kernel = kernels.add_kernel(self, (input_shape[-1], self.columns))
        self.bias = kernels.add_bias(self, (self.columns,))
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

    def activate(self, outputs):
        """The activation, if there is one."""
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {**super().get_config(), "units": self.units, **kernels.dense_config(self)}
