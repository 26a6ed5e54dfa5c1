from keras_cnn_zoo.layers.activation.maxout import Maxout
from keras_cnn_zoo.layers.activation.rrelu import RReLU
from keras_cnn_zoo.layers.convolution.tiled_conv import TiledConv1D, TiledConv2D
from keras_cnn_zoo.layers.normalization.local_response_normalization import LocalResponseNormalization
from keras_cnn_zoo.layers.pooling.lp_pooling import LpPooling1D, LpPooling2D, LpPooling3D
from keras_cnn_zoo.layers.pooling.spectral_pooling import SpectralPooling2D
from keras_cnn_zoo.layers.pooling.stochastic_pooling import (
    StochasticPooling1D,
    StochasticPooling2D,
    StochasticPooling3D,
)
from keras_cnn_zoo.layers.regularization.dropconnect import DropConnect
from keras_cnn_zoo.layers.residual.highway_conv import HighwayConv2D

__all__ = [
    "DropConnect",
    "HighwayConv2D",
    "LocalResponseNormalization",
    "LpPooling1D",
    "LpPooling2D",
    "LpPooling3D",
    "Maxout",
    "RReLU",
    "SpectralPooling2D",
    "StochasticPooling1D",
    "StochasticPooling2D",
    "StochasticPooling3D",
    "TiledConv1D",
    "TiledConv2D",
]
