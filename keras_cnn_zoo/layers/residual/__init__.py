from keras_cnn_zoo.layers.residual.highway_conv import HighwayConv2D

__all__ = [
    "HighwayConv2D",
]
