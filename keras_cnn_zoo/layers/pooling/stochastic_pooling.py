"""Pooling by a random entry in one, two and three dimensions."""

import keras

from keras_cnn_zoo.layers.pooling import sliding
from keras_cnn_zoo.ops import pooling
from keras_cnn_zoo.utils import validation


class BaseStochasticPooling(keras.layers.Layer):
    """What the ranks share; `rank` is set by the subclass."""

    rank = None
    receptive_steps = "window"

    def __init__(self, pool_size=2, strides=None, padding="valid", data_format=None, *, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = validation.positive_integers("pool_size", pool_size, self.rank)
        strides = self.pool_size if strides is None else strides
        self.strides = validation.positive_integers("strides", strides, self.rank)
        self.padding = validation.one_of("padding", padding, ("valid", "same"))
        self.data_format = validation.data_format("data_format", data_format)
        self.seed = validation.non_negative_integer("seed", seed, optional=True)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs, training=False):
        window = sliding.arguments(self)
        if training:
            return pooling.stochastic_pool(inputs, *window, seed=self.seed_generator)
        return pooling.stochastic_pool_mean(inputs, *window)

    def compute_output_shape(self, input_shape):
        return sliding.pooled_shape(self, input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            **sliding.config(self),
            "seed": self.seed,
        }


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class StochasticPooling1D(BaseStochasticPooling):
    """1D pooling that draws one entry of each window in training.

    In training entry i of a window is drawn with probability `p_i = x_i / sum x`, and the gradient goes to it
    alone; at inference the output is the mean over the draws, `sum p_i x_i = sum x_i^2 / sum x_i`. The noise
    regularizes without a rate to tune. Inputs are meant to be activations after ReLU: negative ones count as
    0, and a window without a positive entry gives 0. Windows draw independently, also where they overlap.

    Reference: Zeiler, Fergus, 2013, "Stochastic Pooling for Regularization of Deep Convolutional Neural
    Networks", arXiv 1301.3557; section 3.2.3 of the survey.

    Args:
        pool_size: Length of the windows, an integer. Defaults to 2.
        strides: Step of the windows, an integer, or None for `pool_size`.
        padding: `"valid"`, or `"same"`, whose padding is never drawn. Defaults to `"valid"`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras' global setting.
        seed: Integer seed of the draws, or None. Defaults to None.
        **kwargs: `name`, `dtype`, ...

    Call arguments:
        inputs: A floating-point tensor.
        training: Whether to draw.

    Input shape:
        `(batch, steps, channels)`, or
        `(batch, channels, steps)` for channels_first.

    Output shape:
        `(batch, new_steps, channels)`, or with the channels first; lengths as of
        `keras.layers.AveragePooling1D`.

    Raises:
        ValueError: for an argument outside its range, or an input of a rank other than 3 or smaller than a
            window.

    >>> layer = StochasticPooling1D(pool_size=2)
    >>> float(layer(np.array([[[1.0], [3.0]]]))[0, 0, 0])
    2.5
    """

    rank = 1


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class StochasticPooling2D(BaseStochasticPooling):
    """2D pooling that draws one entry of each window in training.

    In training entry i of a window is drawn with probability `p_i = x_i / sum x`, and the gradient goes to it
    alone; at inference the output is the mean over the draws, `sum p_i x_i = sum x_i^2 / sum x_i`. The noise
    regularizes without a rate to tune. Inputs are meant to be activations after ReLU: negative ones count as
    0, and a window without a positive entry gives 0. Windows draw independently, also where they overlap.

    Reference: Zeiler, Fergus, 2013, "Stochastic Pooling for Regularization of Deep Convolutional Neural
    Networks", arXiv 1301.3557; section 3.2.3 of the survey.

    Args:
        pool_size: Height and width of the windows, an integer or two. Defaults to 2.
        strides: Step of the windows, an integer or two, or None for `pool_size`.
        padding: `"valid"`, or `"same"`, whose padding is never drawn. Defaults to `"valid"`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras' global setting.
        seed: Integer seed of the draws, or None. Defaults to None.
        **kwargs: `name`, `dtype`, ...

    Call arguments:
        inputs: A floating-point tensor.
        training: Whether to draw.

    Input shape:
        `(batch, height, width, channels)`, or
        `(batch, channels, height, width)` for channels_first.

    Output shape:
        `(batch, new_height, new_width, channels)`, or with the channels first; lengths as of
        `keras.layers.AveragePooling2D`.

    Raises:
        ValueError: for an argument outside its range, or an input of a rank other than 4 or smaller than a
            window.

    >>> layer = StochasticPooling2D(pool_size=2)
    >>> float(layer(np.array([[[[1.0], [3.0]], [[0.0], [-9.0]]]]))[0, 0, 0, 0])
    2.5
    """

    rank = 2


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class StochasticPooling3D(BaseStochasticPooling):
    """3D pooling that draws one entry of each window in training.

    In training entry i of a window is drawn with probability `p_i = x_i / sum x`, and the gradient goes to it
    alone; at inference the output is the mean over the draws, `sum p_i x_i = sum x_i^2 / sum x_i`. The noise
    regularizes without a rate to tune. Inputs are meant to be activations after ReLU: negative ones count as
    0, and a window without a positive entry gives 0. Windows draw independently, also where they overlap.

    Reference: Zeiler, Fergus, 2013, "Stochastic Pooling for Regularization of Deep Convolutional Neural
    Networks", arXiv 1301.3557; section 3.2.3 of the survey.

    Args:
        pool_size: Depth, height and width of the windows, an integer or three. Defaults to 2.
        strides: Step of the windows, an integer or three, or None for `pool_size`.
        padding: `"valid"`, or `"same"`, whose padding is never drawn. Defaults to `"valid"`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras' global setting.
        seed: Integer seed of the draws, or None. Defaults to None.
        **kwargs: `name`, `dtype`, ...

    Call arguments:
        inputs: A floating-point tensor.
        training: Whether to draw.

    Input shape:
        `(batch, depth, height, width, channels)`, or
        `(batch, channels, depth, height, width)` for channels_first.

    Output shape:
        `(batch, new_depth, new_height, new_width, channels)`, or with the channels first; lengths as of
        `keras.layers.AveragePooling3D`.

    Raises:
        ValueError: for an argument outside its range, or an input of a rank other than 5 or smaller than a
            window.

    >>> layer = StochasticPooling3D(pool_size=2)
    >>> float(layer(np.full((1, 2, 2, 2, 1), 2.5))[0, 0, 0, 0, 0])
    2.5
    """

    rank = 3
