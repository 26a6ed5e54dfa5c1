from keras_cnn_zoo.layers.convolution.tiled_conv import TiledConv1D, TiledConv2D

__all__ = [
    "TiledConv1D",
    "TiledConv2D",
]
