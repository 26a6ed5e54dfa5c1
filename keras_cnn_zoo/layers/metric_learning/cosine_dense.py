"""Dense layer of cosine similarities."""

import keras
from keras import ops

from keras_cnn_zoo.ops import affine
from keras_cnn_zoo.ops.norms import l2_norm, l2_normalize
from keras_cnn_zoo.utils import docstrings, validation
from keras_cnn_zoo.utils.dtypes import at_least_float32


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class CosineDense(keras.layers.Layer):
    """Scaled cosine of the angle between the features and one weight vector per unit.

    `y_j = scale * (w_j . x) / (|w_j| |x|)`: a dense layer without bias on normalized features and weights. It
    has two uses. With the default scale of 1 it returns cosines, the input of `losses.ArcFace` and
    `losses.CosFace`, which add their margin and then apply their scale. With a scale of about 10 to 64 it
    returns logits for a softmax cross-entropy; cosines alone would be too small.

    Keep the scale at 1 under `ArcFace` or `CosFace`. Otherwise the logits are scaled twice, and the loss
    starts many times too high.

    Reference: Wang, Xiang, Cheng, Yuille, 2017, "NormFace: L2 Hypersphere Embedding for Face Verification",
    arXiv 1704.06369.

    Differs from the paper: the paper learns the scale; here it is constant, as in ArcFace and CosFace.

    Args:
        units: Number of units, such as classes.
        scale: Positive factor of the cosines. Defaults to 1.
        kernel_initializer: Initializer of the kernel, `(features, units)`. Defaults to `"glorot_uniform"`.
        kernel_regularizer: Regularizer of the kernel, or None. The output does not depend on the norm of the
            kernel's columns.
        kernel_constraint: Constraint of the kernel, or None.
        {kwargs}

    Call arguments:
        inputs: A floating-point tensor. If all features are zero, the output is zero.

    Input shape:
        `(batch, ..., features)`.

    Output shape:
        `(batch, ..., units)`.

    Raises:
        ValueError: for a number of units or a scale that is not positive, or an input of rank 1 or of an
            unknown number of features.

    >>> layer = CosineDense(1, kernel_initializer="ones")
    >>> print(round(float(layer(np.array([[300.0, 400.0]]))[0, 0]), 4))  # 7 / (5 * sqrt(2))
    0.9899
    """

    def __init__(
        self,
        units,
        scale=1.0,
        *,
        kernel_initializer="glorot_uniform",
        kernel_regularizer=None,
        kernel_constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = validation.positive_integer("units", units)
        self.scale = validation.finite_number("scale", scale, above=0)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)
        self.supports_masking = True

    def build(self, input_shape):
        features = input_shape[validation.channel_axis(-1, input_shape)]
        self.kernel = self.add_weight(
            shape=(features, self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        self.built = True

    def call(self, inputs):
        kernel = ops.convert_to_tensor(self.kernel)
        # Normalizing the features before the product keeps it in the range of half precision. The kernel is
        # normalized after it, which costs one division per unit.
        directions = ops.cast(l2_normalize(inputs), self.compute_dtype)
        lengths = l2_norm(kernel, axis=0)
        lengths = ops.where(lengths <= 0, ops.ones_like(lengths), lengths)
        wide = ops.cast(affine.dense(directions, kernel), at_least_float32(self.compute_dtype))
        return ops.cast(wide * (self.scale / lengths), self.compute_dtype)

    def lsuv_kernels(self):
        """Returns how `initializers.lsuv` treats the kernel."""
        return [{"kernel": self.kernel, "skip": "the output does not depend on its scale"}]

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "scale": self.scale,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
        }
