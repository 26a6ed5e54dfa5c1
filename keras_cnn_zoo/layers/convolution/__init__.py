from keras_cnn_zoo.layers.convolution.context_module import ContextModule2D
from keras_cnn_zoo.layers.convolution.gated_conv import GatedConv1D
from keras_cnn_zoo.layers.convolution.locally_connected import LocallyConnected1D, LocallyConnected2D
from keras_cnn_zoo.layers.convolution.mlp_conv import MLPConv1D, MLPConv2D
from keras_cnn_zoo.layers.convolution.tiled_conv import TiledConv1D, TiledConv2D
from keras_cnn_zoo.layers.convolution.wavenet_block import WaveNetBlock1D

__all__ = [
    "ContextModule2D",
    "GatedConv1D",
    "LocallyConnected1D",
    "LocallyConnected2D",
    "MLPConv1D",
    "MLPConv2D",
    "TiledConv1D",
    "TiledConv2D",
    "WaveNetBlock1D",
]
