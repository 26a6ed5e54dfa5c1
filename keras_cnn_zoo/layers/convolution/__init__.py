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
from keras_cnn_zoo.layers.convolution.tiled_conv import TiledConv1D, TiledConv2D

__all__ = [
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
    "TiledConv1D",
    "TiledConv2D",
]
