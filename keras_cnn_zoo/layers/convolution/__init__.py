from keras_cnn_zoo.layers.convolution.context_module import ContextModule2D
from keras_cnn_zoo.layers.convolution.deformable_conv import DeformableConv2D
from keras_cnn_zoo.layers.convolution.gated_conv import GatedConv1D
from keras_cnn_zoo.layers.convolution.inception_resnet_blocks import (
    InceptionResNetA,
    InceptionResNetB,
    InceptionResNetC,
    InceptionResNetReductionA,
    InceptionResNetReductionB,
    InceptionResNetStem,
)
from keras_cnn_zoo.layers.convolution.inception_v1_block import InceptionV1Block
from keras_cnn_zoo.layers.convolution.inception_v3_blocks import (
    InceptionV3A,
    InceptionV3B,
    InceptionV3C,
    InceptionV3D,
    InceptionV3E,
    InceptionV3Stem,
)
from keras_cnn_zoo.layers.convolution.inception_v4_blocks import (
    InceptionV4A,
    InceptionV4B,
    InceptionV4C,
    InceptionV4ReductionA,
    InceptionV4ReductionB,
    InceptionV4Stem,
)
from keras_cnn_zoo.layers.convolution.locally_connected import LocallyConnected1D, LocallyConnected2D
from keras_cnn_zoo.layers.convolution.mlp_conv import MLPConv1D, MLPConv2D
from keras_cnn_zoo.layers.convolution.tiled_conv import TiledConv1D, TiledConv2D
from keras_cnn_zoo.layers.convolution.wavenet_block import WaveNetBlock1D

__all__ = [
    "ContextModule2D",
    "DeformableConv2D",
    "GatedConv1D",
    "InceptionResNetA",
    "InceptionResNetB",
    "InceptionResNetC",
    "InceptionResNetReductionA",
    "InceptionResNetReductionB",
    "InceptionResNetStem",
    "InceptionV1Block",
    "InceptionV3A",
    "InceptionV3B",
    "InceptionV3C",
    "InceptionV3D",
    "InceptionV3E",
    "InceptionV3Stem",
    "InceptionV4A",
    "InceptionV4B",
    "InceptionV4C",
    "InceptionV4ReductionA",
    "InceptionV4ReductionB",
    "InceptionV4Stem",
    "LocallyConnected1D",
    "LocallyConnected2D",
    "MLPConv1D",
    "MLPConv2D",
    "TiledConv1D",
    "TiledConv2D",
    "WaveNetBlock1D",
]
