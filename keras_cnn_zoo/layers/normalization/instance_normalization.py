"""Instance normalization."""

import keras
from keras import ops

from keras_cnn_zoo.ops import statistics
from keras_cnn_zoo.utils import docstrings, validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class InstanceNormalization(keras.layers.Layer):
    """Normalization of each channel of each example over the spatial axes.

    `y = gamma * (x - mean) / sqrt(variance + epsilon) + beta`, where mean and variance are over all positions
    of one channel of one example, in training and at inference. It removes the contrast of an image and does
    not depend on the batch. For style transfer, image-to-image networks, and small batches. A map with one
    position becomes `beta`.

    As in Keras' normalizations, the variance overflows in float32 for inputs above 1e18.

    Reference: Ulyanov, Vedaldi, Lempitsky, 2016, "Instance Normalization: The Missing Ingredient for Fast
    Stylization", arXiv 1607.08022, with the `epsilon`, `gamma` and `beta` of the authors' code.

    Args:
        {axis}
        epsilon: Positive number added to the variance. Defaults to 1e-5.
        center: Whether to add `beta`, one value per channel. Defaults to True.
        scale: Whether to multiply by `gamma`, one value per channel. Defaults to True.
        beta_initializer: For `beta`. Defaults to zeros.
        gamma_initializer: For `gamma`. Defaults to ones.
        beta_regularizer: For `beta`, or None.
        gamma_regularizer: For `gamma`, or None.
        beta_constraint: For `beta`, or None.
        gamma_constraint: For `gamma`, or None.
        {kwargs}

    Call arguments:
        inputs: A floating-point tensor. Statistics are computed in at least float32.

    Input shape:
        `(batch, ..., channels)` with at least one spatial axis, and the channels at `axis`.

    Output shape:
        Same as the input.

    Raises:
        ValueError: for an argument outside its range, channels that are unknown, or an input without spatial
            axes.

    >>> layer = InstanceNormalization(epsilon=1e-12)
    >>> y = layer(np.array([[[1.0, 10.0], [3.0, 50.0]]]))
    >>> [[round(float(value), 4) for value in position] for position in y[0]]
    [[-1.0, -1.0], [1.0, 1.0]]
    """

    receptive_steps = "everything"

    def __init__(
        self,
        axis=-1,
        epsilon=1e-5,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.axis = validation.integer("axis", axis)
        self.epsilon = validation.finite_number("epsilon", epsilon, above=0)
        self.center = validation.boolean("center", center)
        self.scale = validation.boolean("scale", scale)
        self.beta_initializer = keras.initializers.get(beta_initializer)
        self.gamma_initializer = keras.initializers.get(gamma_initializer)
        self.beta_regularizer = keras.regularizers.get(beta_regularizer)
        self.gamma_regularizer = keras.regularizers.get(gamma_regularizer)
        self.beta_constraint = keras.constraints.get(beta_constraint)
        self.gamma_constraint = keras.constraints.get(gamma_constraint)

    def build(self, input_shape):
        if len(input_shape) < 3:
            raise ValueError(
                "`InstanceNormalization` takes inputs of rank 3 or more, with at least one spatial axis. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        channels = input_shape[validation.channel_axis(self.axis, input_shape)]
        self.gamma = self.beta = None
        # Full precision under a mixed policy, like the statistics.
        if self.scale:
            self.gamma = self.add_weight(
                name="gamma",
                shape=(channels,),
                initializer=self.gamma_initializer,
                regularizer=self.gamma_regularizer,
                constraint=self.gamma_constraint,
                autocast=False,
            )
        if self.center:
            self.beta = self.add_weight(
                name="beta",
                shape=(channels,),
                initializer=self.beta_initializer,
                regularizer=self.beta_regularizer,
                constraint=self.beta_constraint,
                autocast=False,
            )
        self.built = True

    def call(self, inputs):
        rank = len(inputs.shape)
        channels = self.axis % rank
        space = tuple(axis for axis in range(1, rank) if axis != channels)
        mean = statistics.mean(inputs, space, keepdims=True)
        centered = ops.cast(inputs, mean.dtype) - mean
        variance = statistics.mean(ops.square(centered), space, keepdims=True)
        factor = 1 / ops.sqrt(variance + self.epsilon)
        along = [-1 if axis == channels else 1 for axis in range(rank)]
        if self.scale:
            factor = factor * ops.cast(ops.reshape(self.gamma, along), factor.dtype)
        outputs = centered * factor
        if self.center:
            outputs = outputs + ops.cast(ops.reshape(self.beta, along), outputs.dtype)
        return ops.cast(outputs, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "axis": self.axis,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            "beta_initializer": keras.initializers.serialize(self.beta_initializer),
            "gamma_initializer": keras.initializers.serialize(self.gamma_initializer),
            "beta_regularizer": keras.regularizers.serialize(self.beta_regularizer),
            "gamma_regularizer": keras.regularizers.serialize(self.gamma_regularizer),
            "beta_constraint": keras.constraints.serialize(self.beta_constraint),
            "gamma_constraint": keras.constraints.serialize(self.gamma_constraint),
        }
