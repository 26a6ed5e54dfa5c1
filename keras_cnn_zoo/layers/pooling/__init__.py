from keras_cnn_zoo.layers.pooling.lp_pooling import LpPooling1D, LpPooling2D, LpPooling3D
from keras_cnn_zoo.layers.pooling.max_pooling_with_argmax import MaxPoolingWithArgmax2D
from keras_cnn_zoo.layers.pooling.max_unpooling import MaxUnpooling2D
from keras_cnn_zoo.layers.pooling.spectral_pooling import SpectralPooling2D
from keras_cnn_zoo.layers.pooling.stochastic_pooling import (
    StochasticPooling1D,
    StochasticPooling2D,
    StochasticPooling3D,
)

__all__ = [
    "LpPooling1D",
    "LpPooling2D",
    "LpPooling3D",
    "MaxPoolingWithArgmax2D",
    "MaxUnpooling2D",
    "SpectralPooling2D",
    "StochasticPooling1D",
    "StochasticPooling2D",
    "StochasticPooling3D",
]
