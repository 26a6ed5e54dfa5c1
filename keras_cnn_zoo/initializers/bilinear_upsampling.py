"""Initialization of transposed convolutions as bilinear interpolation."""

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class BilinearUpsampling(keras.initializers.Initializer):
    """Kernel of a transposed convolution that upsamples each channel by linear interpolation.

    The weight at offset `k` of an axis of `n` taps is `1 - abs(k - center) / factor`, with `factor =
    ceil(n / 2)` and `center` the middle of the kernel. The kernel is the product over the axes, and channels
    do not mix. Use it for `Conv1DTranspose` to `Conv3DTranspose` with `kernel_size=2 * strides` or `2 *
    strides - strides % 2`, and `padding="same"`. The layer then starts as the bilinear resize by `strides`,
    except at the border, and trains from there, as in fully convolutional networks.

    Reference: Long, Shelhamer, Darrell, 2015, "Fully Convolutional Networks for Semantic Segmentation",
    arXiv 1411.4038 (the kernel is that of their published code).

    Raises:
        ValueError: when called with a shape other than `(*kernel_size, filters, channels)` with as many
            filters as channels.

    >>> up = keras.layers.Conv2DTranspose(3, 4, strides=2, padding="same",
    ...                                   kernel_initializer=BilinearUpsampling())
    >>> print(up(np.ones((1, 5, 7, 3), "float32")).shape)
    (1, 10, 14, 3)
    """

    lsuv_keeps = "it starts as bilinear interpolation"

    def __call__(self, shape, dtype=None):
        """Returns the kernel.

        Args:
            shape: `(*kernel_size, filters, channels)`, of one to three spatial axes.
            dtype: Dtype of the result, or None for Keras' float type.
        """
        shape = tuple(shape)
        if len(shape) not in (3, 4, 5) or shape[-1] != shape[-2]:
            raise ValueError(
                "`shape` must be (*kernel_size, filters, channels) with as many filters as channels. "
                f"Received: shape={shape}"
            )
        taps = np.ones(())
        for size in shape[:-2]:
            factor = (size + 1) // 2
            axis = 1 - np.abs(np.arange(size) - (size - 1) / 2) / factor
            taps = taps[..., None] * axis
        kernel = taps[..., None, None] * np.eye(shape[-1])
        return ops.convert_to_tensor(kernel, dtype=dtype or keras.config.floatx())

    def get_config(self):
        return {}
