"""Pooling by the p-norm in one, two and three dimensions."""

import math

import keras

from keras_cnn_zoo.layers.pooling import sliding
from keras_cnn_zoo.ops import pooling
from keras_cnn_zoo.utils import validation


class BaseLpPooling(keras.layers.Layer):
    """What the ranks share; `rank` is set by the subclass."""

    rank = None
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
        super().__init__(**kwargs)
        self.pool_size = validation.positive_integers("pool_size", pool_size, self.rank)
        strides = self.pool_size if strides is None else strides
        self.strides = validation.positive_integers("strides", strides, self.rank)
        self.padding = validation.one_of("padding", padding, ("valid", "same"))
        self.data_format = validation.data_format("data_format", data_format)
        if p == "inf" or (isinstance(p, float) and p == math.inf):
            self.p = math.inf
        else:
            try:
                self.p = validation.finite_number("p", p, above=0)
            except ValueError:
                validation.fail("p", 'a number above 0, or "inf"', p)
        self.normalize = validation.boolean("normalize", normalize)

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs):
        return pooling.lp_pool(
            inputs,
            *sliding.arguments(self),
            p=self.p,
            normalize=self.normalize,
        )

    def compute_output_shape(self, input_shape):
        return sliding.pooled_shape(self, input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            **sliding.config(self),
            # Infinity is not JSON.
            "p": "inf" if math.isinf(self.p) else self.p,
            "normalize": self.normalize,
        }


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class LpPooling1D(BaseLpPooling):
    """1D pooling by the p-norm of each window.

    `y = (sum abs(x)^p)^(1/p)` over the window; with `normalize=True` the mean replaces the sum, so that p=1
    is average pooling and p=inf max pooling of `abs(x)`, and p in between trades one for the other. p=2 is
    the square-root pooling of tiled networks. Every window is scaled by its largest entry, so that nothing
    overflows on the way; the gradient at 0 is 0. For p < 1 the gradient is unbounded near 0.

    Reference: Hyvarinen, Koster, 2007, "Complex cell pooling and the statistics of natural images"; equation
    (7) of the survey. Boureau, Ponce, LeCun, 2010, "A theoretical analysis of feature pooling in visual
    recognition", study its range from average to max.

    Args:
        pool_size: Length of the windows, an integer. Defaults to 2.
        strides: Step of the windows, an integer, or None for `pool_size`.
        padding: `"valid"`, or `"same"`, whose padding counts neither as an entry nor in the mean. Defaults to
            `"valid"`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras' global setting.
        p: Power of the norm, above 0; `float("inf")` or `"inf"` for the maximum. Defaults to 2.
        normalize: Whether to take the mean of the powers instead of their sum. Defaults to False.
        **kwargs: `name`, `dtype`, ...

    Call arguments:
        inputs: A floating-point tensor.

    Input shape:
        `(batch, steps, channels)`, or
        `(batch, channels, steps)` for channels_first.

    Output shape:
        `(batch, new_steps, channels)`, or with the channels first; lengths as of
        `keras.layers.AveragePooling1D`.

    Raises:
        ValueError: for an argument outside its range, or an input of a rank other than 3 or smaller than a
            window.

    >>> layer = LpPooling1D(pool_size=2, p=2)
    >>> round(float(layer(np.array([[[3.0], [-4.0]]]))[0, 0, 0]), 4)
    5.0
    """

    rank = 1


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class LpPooling2D(BaseLpPooling):
    """2D pooling by the p-norm of each window.

    `y = (sum abs(x)^p)^(1/p)` over the window; with `normalize=True` the mean replaces the sum, so that p=1
    is average pooling and p=inf max pooling of `abs(x)`, and p in between trades one for the other. p=2 is
    the square-root pooling of tiled networks. Every window is scaled by its largest entry, so that nothing
    overflows on the way; the gradient at 0 is 0. For p < 1 the gradient is unbounded near 0.

    Reference: Hyvarinen, Koster, 2007, "Complex cell pooling and the statistics of natural images"; equation
    (7) of the survey. Boureau, Ponce, LeCun, 2010, "A theoretical analysis of feature pooling in visual
    recognition", study its range from average to max.

    Args:
        pool_size: Height and width of the windows, an integer or two. Defaults to 2.
        strides: Step of the windows, an integer or two, or None for `pool_size`.
        padding: `"valid"`, or `"same"`, whose padding counts neither as an entry nor in the mean. Defaults to
            `"valid"`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras' global setting.
        p: Power of the norm, above 0; `float("inf")` or `"inf"` for the maximum. Defaults to 2.
        normalize: Whether to take the mean of the powers instead of their sum. Defaults to False.
        **kwargs: `name`, `dtype`, ...

    Call arguments:
        inputs: A floating-point tensor.

    Input shape:
        `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` for channels_first.

    Output shape:
        `(batch, new_height, new_width, channels)`, or with the channels first; lengths as of
        `keras.layers.AveragePooling2D`.

    Raises:
        ValueError: for an argument outside its range, or an input of a rank other than 4 or smaller than a
            window.

    >>> layer = LpPooling2D(pool_size=2, p=2)
    >>> round(float(layer(np.array([[[[3.0], [-4.0]], [[0.0], [12.0]]]]))[0, 0, 0, 0]), 4)
    13.0
    """

    rank = 2


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class LpPooling3D(BaseLpPooling):
    """3D pooling by the p-norm of each window.

    `y = (sum abs(x)^p)^(1/p)` over the window; with `normalize=True` the mean replaces the sum, so that p=1
    is average pooling and p=inf max pooling of `abs(x)`, and p in between trades one for the other. p=2 is
    the square-root pooling of tiled networks. Every window is scaled by its largest entry, so that nothing
    overflows on the way; the gradient at 0 is 0. For p < 1 the gradient is unbounded near 0.

    Reference: Hyvarinen, Koster, 2007, "Complex cell pooling and the statistics of natural images"; equation
    (7) of the survey. Boureau, Ponce, LeCun, 2010, "A theoretical analysis of feature pooling in visual
    recognition", study its range from average to max.

    Args:
        pool_size: Depth, height and width of the windows, an integer or three. Defaults to 2.
        strides: Step of the windows, an integer or three, or None for `pool_size`.
        padding: `"valid"`, or `"same"`, whose padding counts neither as an entry nor in the mean. Defaults to
            `"valid"`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras' global setting.
        p: Power of the norm, above 0; `float("inf")` or `"inf"` for the maximum. Defaults to 2.
        normalize: Whether to take the mean of the powers instead of their sum. Defaults to False.
        **kwargs: `name`, `dtype`, ...

    Call arguments:
        inputs: A floating-point tensor.

    Input shape:
        `(batch, depth, height, width, channels)`, or
        `(batch, channels, depth, height, width)` for channels_first.

    Output shape:
        `(batch, new_depth, new_height, new_width, channels)`, or with the channels first; lengths as of
        `keras.layers.AveragePooling3D`.

    Raises:
        ValueError: for an argument outside its range, or an input of a rank other than 5 or smaller than a
            window.

    >>> layer = LpPooling3D(pool_size=2, p=3)
    >>> round(float(layer(np.full((1, 2, 2, 2, 1), -2.0))[0, 0, 0, 0, 0]), 4)
    4.0
    """

    rank = 3
