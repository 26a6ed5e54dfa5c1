"""Initialization of convolutions as the identity."""

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.utils import validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class ConvIdentity(keras.initializers.Initializer):
    """Kernel of a convolution that returns its input.

    With as many filters as channels, the middle tap is the identity matrix and all other weights are 0. For
    other numbers, the channels and the filters form `num_groups` groups of neighbors. In the middle tap, the
    weight between a channel and a filter of the same group is `num_groups / filters`. All other weights are
    `noise`. A stack of such layers with the same `num_groups` that ends with as many channels as it starts
    with is the identity, up to the noise. A single layer scales by `channels / filters`.

    Use it for deep stacks of (dilated) convolutions with ReLU that do not learn from random initial values.
    With `padding="same"` the map keeps its size, and `padding="valid"` crops the border. It does not support
    strides or groups.

    Reference: Yu, Koltun, 2016, "Multi-Scale Context Aggregation by Dilated Convolutions", arXiv 1511.07122,
    equations 4 (without groups) and 5.

    Differs from the paper: the noise is relative to `num_groups / filters`; the paper only says that it is
    much smaller.

    Args:
        num_groups: Number of groups, a divisor of the channels and of the filters (the paper's C, the
            channels at the ends of the stack), or None for the smaller of the two. Defaults to None.
        noise: Standard deviation of the other weights, relative to `num_groups / filters`. Without noise, the
            filters of a group stay copies of each other. Defaults to 0.
        seed: Integer seed of the noise, or None. Defaults to None.

    Raises:
        ValueError: for an argument outside its range, or when called with a shape other than
            `(*kernel_size, channels, filters)`, or with channels and filters that the groups do not divide.

    >>> same = keras.layers.Conv2D(3, 3, padding="same", dilation_rate=2, kernel_initializer=ConvIdentity())
    >>> x = np.arange(60, dtype="float32").reshape(1, 5, 4, 3)
    >>> bool(keras.ops.all(same(x) == x))
    True
    """

    lsuv_keeps = "it starts as the identity"

    def __init__(self, num_groups=None, noise=0.0, seed=None):
        self.num_groups = validation.positive_integer("num_groups", num_groups, optional=True)
        self.noise = validation.finite_number("noise", noise, minimum=0)
        self.seed = validation.integer("seed", seed, optional=True)

    def __call__(self, shape, dtype=None):
        """Returns the kernel.

        Args:
            shape: `(*kernel_size, channels, filters)`, of one to three spatial axes.
            dtype: Dtype of the result, or None for Keras' float type.
        """
        shape = tuple(shape)
        if len(shape) not in (3, 4, 5):
            raise ValueError(f"`shape` must be (*kernel_size, channels, filters). Received: shape={shape}")
        *kernel_size, channels, filters = shape
        groups = min(channels, filters) if self.num_groups is None else self.num_groups
        if channels % groups or filters % groups:
            raise ValueError(
                "`num_groups` must divide the channels and the filters of the kernel; by default it is the "
                f"smaller of the two. Received: num_groups={self.num_groups}, shape={shape}"
            )
        dtype = dtype or keras.config.floatx()
        own_group = (
            np.arange(channels)[:, None] * groups // channels == np.arange(filters) * groups // filters
        )
        # With an even number of taps and Keras' "same" padding, the tap before the middle does not shift.
        middle = tuple((size - 1) // 2 for size in kernel_size)
        identity = np.zeros(shape, "bool")
        identity[middle] = own_group
        kernel = identity * (groups / filters)
        if self.noise == 0:
            return ops.convert_to_tensor(kernel, dtype=dtype)
        stddev = self.noise * groups / filters
        noise = keras.initializers.RandomNormal(stddev=stddev, seed=self.seed)(shape, dtype=dtype)
        return ops.where(identity, ops.convert_to_tensor(kernel, dtype=dtype), noise)

    def get_config(self):
        return {"num_groups": self.num_groups, "noise": self.noise, "seed": self.seed}
