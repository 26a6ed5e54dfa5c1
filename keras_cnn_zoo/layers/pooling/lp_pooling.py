"""Pooling by the p-norm in one, two, and three dimensions."""

import math

import keras

from keras_cnn_zoo.layers.base_pooling import BasePooling
from keras_cnn_zoo.ops import pooling
from keras_cnn_zoo.utils import docstrings, validation


class BaseLpPooling(BasePooling):
    """Abstract pooling by the p-norm of each window; each rank's docstring includes the rest.

    `y = (sum abs(x)^p)^(1/p)` over the window. With `normalize=True`, the mean replaces the sum; then p=1 is
    average pooling of `abs(x)`, and p=inf is max pooling of `abs(x)`. p=2 is the square-root pooling of tiled
    convolutional networks. Every window is scaled by its largest entry to prevent overflow. The gradient at 0
    is 0. For p < 1, the gradient is unbounded near 0. For p=inf, TensorFlow passes over NaN, as in
    `keras.layers.MaxPooling2D`.

    In float32, values are right up to 3e38, and gradients for inputs up to 1e37; with p=1, sums overflow
    as in average pooling. A window without an entry above 1.2e-38, the smallest normal number, may count
    as 0, with a gradient of 0.

    Reference: Hyvarinen, Koster, 2007, "Complex cell pooling and the statistics of natural images"; equation
    (7) of the survey. Boureau, Ponce, LeCun, 2010, "A theoretical analysis of feature pooling in visual
    recognition", study the range from average to max pooling.

    Args:
        {pool_size}
        {pool_strides}
        padding: `"valid"` or `"same"`. Padded positions count neither in the sum nor in the mean. Defaults to
            `"valid"`.
        {data_format}
        p: Power of the norm, above 0; `float("inf")` or `"inf"` for the maximum. Defaults to 2.
        normalize: Whether to take the mean of the powers instead of their sum. Defaults to False.
        {kwargs}

    Call arguments:
        {inputs}

    Input shape:
        {maps}.

    Output shape:
        {pooled_maps}

    Raises:
        {pool_errors}
    """

    receptive_steps = "window"

    def __init__(
        self,
        pool_size=2,
        strides=None,
        padding="valid",
        data_format=None,
        *,
        p=2.0,
        normalize=False,
        **kwargs,
    ):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)
        if p == "inf" or (isinstance(p, float) and p == math.inf):
            self.p = math.inf
        else:
            try:
                self.p = validation.finite_number("p", p, above=0)
            except ValueError:
                validation.fail("p", 'a number above 0, or "inf"', p)
        self.normalize = validation.boolean("normalize", normalize)

    def call(self, inputs):
        return pooling.lp_pool(inputs, *self._window, p=self.p, normalize=self.normalize)

    def get_config(self):
        # JSON has no infinity.
        p = "inf" if math.isinf(self.p) else self.p
        return {**super().get_config(), "p": p, "normalize": self.normalize}


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled_from_base
class LpPooling1D(BaseLpPooling):
    """1D pooling by the p-norm of each window.

    >>> layer = LpPooling1D(pool_size=2, p=2)
    >>> round(float(layer(np.array([[[3.0], [-4.0]]]))[0, 0, 0]), 4)
    5.0
    """

    rank = 1


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled_from_base
class LpPooling2D(BaseLpPooling):
    """2D pooling by the p-norm of each window.

    >>> layer = LpPooling2D(pool_size=2, p=2)
    >>> round(float(layer(np.array([[[[3.0], [-4.0]], [[0.0], [12.0]]]]))[0, 0, 0, 0]), 4)
    13.0
    """

    rank = 2


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled_from_base
class LpPooling3D(BaseLpPooling):
    """3D pooling by the p-norm of each window.

    >>> layer = LpPooling3D(pool_size=2, p=3)
    >>> round(float(layer(np.full((1, 2, 2, 2, 1), -2.0))[0, 0, 0, 0, 0]), 4)
    4.0
    """

    rank = 3
