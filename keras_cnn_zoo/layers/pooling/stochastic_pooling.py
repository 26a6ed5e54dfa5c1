"""Stochastic pooling in one, two, and three dimensions."""

import keras

from keras_cnn_zoo.layers.base_pooling import BasePooling
from keras_cnn_zoo.ops import pooling
from keras_cnn_zoo.utils import docstrings, validation


class BaseStochasticPooling(BasePooling):
    """Abstract pooling by a random entry; each rank's docstring includes the rest of this one.

    In training, entry i of a window is drawn with probability `p_i = x_i / sum x`, and the gradient flows
    only to that entry. At inference, the output is the mean over the draws, `sum p_i x_i = sum x_i^2 / sum
    x_i`. The noise regularizes without a rate to tune. Use it on activations after a ReLU: negative inputs
    count as 0, and a window without a positive entry gives 0. Overlapping windows draw independently. At
    inference, a window with NaN gives NaN; in training, the draw may pass over it.

    In float32, values are right up to 3e38, and the gradient at inference for inputs up to 1e37. A window
    without an entry above 1.2e-38, the smallest normal number, may count as 0, with a gradient of 0.

    Reference: Zeiler, Fergus, 2013, "Stochastic Pooling for Regularization of Deep Convolutional Neural
    Networks", arXiv 1301.3557; section 3.2.3 of the survey.

    Args:
        {pool_size}
        {pool_strides}
        padding: `"valid"`, or `"same"`, whose padding is never drawn. Defaults to `"valid"`.
        {data_format}
        {seed}
        {kwargs}

    Call arguments:
        {inputs}
        {training}

    Input shape:
        {maps}.

    Output shape:
        {pooled_maps}

    Raises:
        {pool_errors}
    """

    receptive_steps = "window"

    def __init__(self, pool_size=2, strides=None, padding="valid", data_format=None, *, seed=None, **kwargs):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)
        self.seed = validation.non_negative_integer("seed", seed, optional=True)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def call(self, inputs, training=False):
        if training:
            return pooling.stochastic_pool(inputs, *self._window, seed=self.seed_generator)
        return pooling.stochastic_pool_mean(inputs, *self._window)

    def get_config(self):
        return {**super().get_config(), "seed": self.seed}


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled_from_base
class StochasticPooling1D(BaseStochasticPooling):
    """1D pooling that draws one entry of each window in training.

    >>> layer = StochasticPooling1D(pool_size=2)
    >>> float(layer(np.array([[[1.0], [3.0]]]))[0, 0, 0])
    2.5
    """

    rank = 1


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled_from_base
class StochasticPooling2D(BaseStochasticPooling):
    """2D pooling that draws one entry of each window in training.

    >>> layer = StochasticPooling2D(pool_size=2)
    >>> float(layer(np.array([[[[1.0], [3.0]], [[0.0], [-9.0]]]]))[0, 0, 0, 0])
    2.5
    """

    rank = 2


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled_from_base
class StochasticPooling3D(BaseStochasticPooling):
    """3D pooling that draws one entry of each window in training.

    >>> layer = StochasticPooling3D(pool_size=2)
    >>> float(layer(np.full((1, 2, 2, 2, 1), 2.5))[0, 0, 0, 0, 0])
    2.5
    """

    rank = 3
