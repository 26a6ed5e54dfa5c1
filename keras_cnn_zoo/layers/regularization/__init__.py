from keras_cnn_zoo.layers.regularization.drop_block import DropBlock2D
from keras_cnn_zoo.layers.regularization.dropconnect import DropConnect
from keras_cnn_zoo.layers.regularization.fast_dropout_dense import FastDropoutDense
from keras_cnn_zoo.layers.regularization.noise_invariance import NoiseInvariance
from keras_cnn_zoo.layers.regularization.standout import Standout
from keras_cnn_zoo.layers.regularization.stochastic_depth import StochasticDepth
from keras_cnn_zoo.layers.regularization.swapout import Swapout

__all__ = [
    "DropBlock2D",
    "DropConnect",
    "FastDropoutDense",
    "NoiseInvariance",
    "Standout",
    "StochasticDepth",
    "Swapout",
]
