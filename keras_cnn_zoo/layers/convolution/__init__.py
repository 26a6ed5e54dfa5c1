from keras_cnn_zoo.layers.convolution.deformable_conv import DeformableConv2D
from keras_cnn_zoo.layers.convolution.tiled_conv import TiledConv1D, TiledConv2D

__all__ = [
    "DeformableConv2D",
    "TiledConv1D",
    "TiledConv2D",
]
