from keras_cnn_zoo.layers.residual.highway_conv import HighwayConv2D
from keras_cnn_zoo.layers.residual.residual_block import ResidualBlock2D
from keras_cnn_zoo.layers.residual.squeeze_excitation import SqueezeExcitation

__all__ = [
    "HighwayConv2D",
    "ResidualBlock2D",
    "SqueezeExcitation",
]
