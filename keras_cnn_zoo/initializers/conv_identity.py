"""Convolutions that begin as the identity."""

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.utils import validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class ConvIdentity(keras.initializers.Initializer):
    """Kernel with which a convolution passes its input on.

    With as many filters as channels the kernel is 1 where a filter meets its own channel in the middle tap,
    and 0 elsewhere. Where layers of more channels than their input are stacked, the channels form
    `num_groups` groups of neighbours: in the middle tap, the weight from a channel of a group to a filter of
    the same group is `num_groups / filters`, and all other weights are `noise`. A stack of such layers that
    ends with as many channels as it began with, all with the same `num_groups`, is then the identity, the
    noise apart; one layer alone scales by `channels / filters`.

    Deep stacks of (dilated) convolutions with ReLU, which random initial values keep from learning, start
    with it from what their input already says. It needs zero padding that keeps the size (`padding="same"`),
    or crops the border with `padding="valid"`; no strides, and `groups=1`.

    Reference: Yu, Koltun, 2016, "Multi-Scale Context Aggregation by Dilated Convolutions", arXiv 1511.07122,
    equations 4 (without groups) and 5.

    Differs from the paper: the noise is given as a part of `num_groups / filters`; the paper says only that
    it is much smaller than that.

    Args:
        num_groups: Groups of channels, a divisor of the channels and of the filters (the paper's C, the
            channels at the stack's ends), or None for the smaller of the two. Defaults to None.
        noise: Standard deviation of the other weights, as a part of `num_groups / filters`. Above 0 it lets
            the filters of a group, which otherwise stay copies of each other, learn different things.
            Defaults to 0.
        seed: Integer seed of the noise, or None. Defaults to None.

    Raises:
        ValueError: for an argument outside its range, or when called with a shape other than
            `(*kernel_size, channels, filters)`, or with channels and filters that the groups do not divide.

    >>> same = keras.layers.Conv2D(3, 3, padding="same", dilation_rate=2, kernel_initializer=ConvIdentity())
    >>> x = np.arange(60, dtype="float32").reshape(1, 5, 4, 3)
    >>> bool(keras.ops.all(same(x) == x))
    True
    """

    def __init__(self, num_groups=None, noise=0.0, seed=None):
        self.num_groups = validation.positive_integer("num_groups", num_groups, optional=True)
        self.noise = validation.finite_number("noise", noise, minimum=0)
        self.seed = validation.integer("seed", seed, optional=True)

    def __call__(self, shape, dtype=None):
        """The kernel.

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
        # Of an even number of taps, Keras' "same" padding leaves the one before the middle in place.
        middle = tuple((size - 1) // 2 for size in kernel_size)
        passed_on = np.zeros(shape, "bool")
        passed_on[middle] = own_group
        kernel = passed_on * (groups / filters)
        if self.noise == 0:
            return ops.convert_to_tensor(kernel, dtype=dtype)
        stddev = self.noise * groups / filters
        noise = keras.initializers.RandomNormal(stddev=stddev, seed=self.seed)(shape, dtype=dtype)
        return ops.where(passed_on, ops.convert_to_tensor(kernel, dtype=dtype), noise)

    def get_config(self):
        return {"num_groups": self.num_groups, "noise": self.noise, "seed": self.seed}
