"""The base class of layers with the weights of a dense layer."""

import keras

from keras_cnn_zoo.ops import affine
from keras_cnn_zoo.ops.expected_activation import reduces_channels
from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.weight_arguments import DENSE_ARGUMENTS, serialized


class BaseDense(keras.layers.Layer):
    """Abstract layer with a kernel `(channels, columns)` and a bias; a subclass computes in `call`."""

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
        if reduces_channels(self.activation):
            validation.fail("activation", "a function that keeps the number of units", activation)
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
        """Number of columns of the kernel."""
        return self.units

    def build(self, input_shape):
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(
                f"`{type(self).__name__}` takes inputs of at least rank 2 with a last axis of known size. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        self.kernel = self.add_weight(
            name="kernel",
            shape=(input_shape[-1], self.columns),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                name="bias",
                shape=(self.columns,),
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        if isinstance(self.activation, keras.layers.Layer) and not self.activation.built:
            # Weights of a PReLU exist before they are loaded.
            self.activation.build(self.compute_output_shape(input_shape))
        self.input_spec = keras.layers.InputSpec(min_ndim=2, axes={-1: input_shape[-1]})
        self.built = True

    def _preactivation(self, inputs):
        """Returns the output before the activation."""
        return affine.dense(inputs, self.kernel, self.bias)

    def lsuv_kernels(self):
        """Returns how `initializers.lsuv` scales the kernel: by the output before the activation."""
        return [{"kernel": self.kernel, "outputs": lambda inputs, *_, **__: self._preactivation(inputs)}]

    def _activate(self, outputs):
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        arguments = {name: getattr(self, name) for name in DENSE_ARGUMENTS}
        return {**super().get_config(), **serialized(arguments)}
