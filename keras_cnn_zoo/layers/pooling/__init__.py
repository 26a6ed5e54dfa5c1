from keras_cnn_zoo.layers.pooling.generalized_mean_pooling import GeneralizedMeanPooling2D
from keras_cnn_zoo.layers.pooling.lp_pooling import LpPooling1D, LpPooling2D, LpPooling3D
from keras_cnn_zoo.layers.pooling.max_pooling_with_argmax import MaxPoolingWithArgmax2D
from keras_cnn_zoo.layers.pooling.max_unpooling import MaxUnpooling2D
from keras_cnn_zoo.layers.pooling.mixed_pooling import MixedPooling1D, MixedPooling2D, MixedPooling3D
from keras_cnn_zoo.layers.pooling.multi_scale_orderless_pooling import MultiScaleOrderlessPooling2D
from keras_cnn_zoo.layers.pooling.spatial_pyramid_pooling import SpatialPyramidPooling2D
from keras_cnn_zoo.layers.pooling.spectral_pooling import SpectralPooling2D
from keras_cnn_zoo.layers.pooling.stochastic_pooling import (
    StochasticPooling1D,
    StochasticPooling2D,
    StochasticPooling3D,
)
from keras_cnn_zoo.layers.pooling.vlad import VLAD, NetVLAD

__all__ = [
    "GeneralizedMeanPooling2D",
    "LpPooling1D",
    "LpPooling2D",
    "LpPooling3D",
    "MaxPoolingWithArgmax2D",
    "MaxUnpooling2D",
    "MixedPooling1D",
    "MixedPooling2D",
    "MixedPooling3D",
    "MultiScaleOrderlessPooling2D",
    "NetVLAD",
    "SpatialPyramidPooling2D",
    "SpectralPooling2D",
    "StochasticPooling1D",
    "StochasticPooling2D",
    "StochasticPooling3D",
    "VLAD",
]
