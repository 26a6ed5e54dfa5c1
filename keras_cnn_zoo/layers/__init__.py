from keras_cnn_zoo.layers.activation.maxout import Maxout
from keras_cnn_zoo.layers.activation.rrelu import RReLU
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
from keras_cnn_zoo.layers.detection.anchor_generator import AnchorGenerator
from keras_cnn_zoo.layers.detection.feature_pyramid import FeaturePyramid
from keras_cnn_zoo.layers.detection.non_max_suppression import NonMaxSuppression
from keras_cnn_zoo.layers.detection.roi_align import ROIAlign2D
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
from keras_cnn_zoo.layers.residual.residual_block import ResidualBlock2D
from keras_cnn_zoo.layers.residual.squeeze_excitation import SqueezeExcitation
from keras_cnn_zoo.layers.segmentation.atrous_spatial_pyramid_pooling import AtrousSpatialPyramidPooling2D
from keras_cnn_zoo.layers.tracking.cross_correlation import CrossCorrelation2D

__all__ = [
    "AnchorGenerator",
    "AtrousSpatialPyramidPooling2D",
    "CrossCorrelation2D",
    "DropConnect",
    "FeaturePyramid",
    "HighwayConv2D",
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
    "LocalResponseNormalization",
    "LpPooling1D",
    "LpPooling2D",
    "LpPooling3D",
    "Maxout",
    "NonMaxSuppression",
    "ROIAlign2D",
    "RReLU",
    "ResidualBlock2D",
    "SpectralPooling2D",
    "SqueezeExcitation",
    "StochasticPooling1D",
    "StochasticPooling2D",
    "StochasticPooling3D",
    "TiledConv1D",
    "TiledConv2D",
]
