"""Initialization of convolutions as a rotation of the channels."""

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.dtypes import at_least_float32


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class DeltaOrthogonal(keras.initializers.Orthogonal):
    """Kernel whose middle tap is a random orthonormal matrix times `gain`, and whose other taps are zero.

    A convolution with stride 1 and `padding="same"` then keeps the norm at every position of a map (times
    `gain`), forward and backward. Plain networks of thousands of layers can train with it if the activation
    is close to the identity or `gain` compensates for it. The middle tap is `(size - 1) // 2`, the one over
    the position itself.

    Reference: Xiao, Bahri, Sohl-Dickstein, Schoenholz, Pennington, 2018, "Dynamical Isometry and a Mean Field
    Theory of CNNs", arXiv 1806.05393.

    Args:
        gain: Factor of the orthonormal matrix. Defaults to 1.
        seed: Integer, `keras.random.SeedGenerator`, or None, as in Keras' initializers.

    Raises:
        ValueError: for a `gain` that is not a finite number, or when called with a shape other than
            `(*kernel_size, channels, filters)` with at least as many filters as channels; fewer cannot keep
            norms.

    >>> conv = keras.layers.Conv2D(8, 3, padding="same", kernel_initializer=DeltaOrthogonal(seed=0))
    >>> maps = np.ones((1, 5, 5, 4), "float32")
    >>> outputs = keras.ops.convert_to_numpy(conv(maps))
    >>> print(round(float(np.linalg.norm(outputs) / np.linalg.norm(maps)), 4))
    1.0
    """

    def __init__(self, gain=1.0, seed=None):
        super().__init__(gain=validation.finite_number("gain", gain), seed=seed)

    def __call__(self, shape, dtype=None):
        """Returns the kernel.

        Args:
            shape: `(*kernel_size, channels, filters)`, of one to three spatial axes.
            dtype: Dtype of the result, or None for Keras' float type.
        """
        shape = tuple(shape)
        if len(shape) not in (3, 4, 5) or shape[-2] > shape[-1]:
            raise ValueError(
                "`shape` must be (*kernel_size, channels, filters) with at least as many filters as "
                f"channels. Received: shape={shape}"
            )
        dtype = keras.backend.standardize_dtype(dtype)
        # No backend factorizes matrices in half precision.
        wide = at_least_float32(dtype)
        matrix = super().__call__(shape[-2:], dtype=wide)
        delta = np.zeros(shape[:-2])
        delta[tuple((size - 1) // 2 for size in shape[:-2])] = 1
        delta = ops.convert_to_tensor(delta[..., None, None], dtype=wide)
        return ops.cast(delta * matrix, dtype)
