from keras_cnn_zoo.layers.activation.maxout import Maxout
from keras_cnn_zoo.layers.activation.maxout_dense import MaxoutDense
from keras_cnn_zoo.layers.activation.probout import Probout
from keras_cnn_zoo.layers.activation.rrelu import RReLU
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
from keras_cnn_zoo.layers.detection.anchor_generator import AnchorGenerator
from keras_cnn_zoo.layers.detection.feature_pyramid import FeaturePyramid
from keras_cnn_zoo.layers.detection.non_max_suppression import NonMaxSuppression
from keras_cnn_zoo.layers.detection.roi_align import ROIAlign2D
from keras_cnn_zoo.layers.generation.gaussian_sampling import GaussianSampling
from keras_cnn_zoo.layers.metric_learning.cosine_dense import CosineDense
from keras_cnn_zoo.layers.metric_learning.large_margin_softmax import LargeMarginSoftmax
from keras_cnn_zoo.layers.normalization.batch_normalization import BatchNormalization
from keras_cnn_zoo.layers.normalization.instance_normalization import InstanceNormalization
from keras_cnn_zoo.layers.normalization.local_response_normalization import LocalResponseNormalization
from keras_cnn_zoo.layers.normalization.weight_normalization import WeightNormalization
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
from keras_cnn_zoo.layers.regularization.drop_block import DropBlock2D
from keras_cnn_zoo.layers.regularization.dropconnect import DropConnect
from keras_cnn_zoo.layers.regularization.fast_dropout_dense import FastDropoutDense
from keras_cnn_zoo.layers.regularization.noise_invariance import NoiseInvariance
from keras_cnn_zoo.layers.regularization.standout import Standout
from keras_cnn_zoo.layers.regularization.stochastic_depth import StochasticDepth
from keras_cnn_zoo.layers.regularization.swapout import Swapout
from keras_cnn_zoo.layers.residual.highway_conv import HighwayConv2D
from keras_cnn_zoo.layers.residual.residual_block import ResidualBlock2D
from keras_cnn_zoo.layers.residual.squeeze_excitation import SqueezeExcitation
from keras_cnn_zoo.layers.segmentation.atrous_spatial_pyramid_pooling import AtrousSpatialPyramidPooling2D
from keras_cnn_zoo.layers.tracking.cross_correlation import CrossCorrelation2D

__all__ = [
    "AnchorGenerator",
    "AtrousSpatialPyramidPooling2D",
    "BatchNormalization",
    "ContextModule2D",
    "CosineDense",
    "CrossCorrelation2D",
    "DeformableConv2D",
    "DropBlock2D",
    "DropConnect",
    "FastDropoutDense",
    "FeaturePyramid",
    "GatedConv1D",
    "GaussianSampling",
    "GeneralizedMeanPooling2D",
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
    "InstanceNormalization",
    "LargeMarginSoftmax",
    "LocalResponseNormalization",
    "LocallyConnected1D",
    "LocallyConnected2D",
    "LpPooling1D",
    "LpPooling2D",
    "LpPooling3D",
    "MLPConv1D",
    "MLPConv2D",
    "MaxPoolingWithArgmax2D",
    "MaxUnpooling2D",
    "Maxout",
    "MaxoutDense",
    "MixedPooling1D",
    "MixedPooling2D",
    "MixedPooling3D",
    "MultiScaleOrderlessPooling2D",
    "NetVLAD",
    "NoiseInvariance",
    "NonMaxSuppression",
    "Probout",
    "ROIAlign2D",
    "RReLU",
    "ResidualBlock2D",
    "SpatialPyramidPooling2D",
    "SpectralPooling2D",
    "SqueezeExcitation",
    "Standout",
    "StochasticDepth",
    "StochasticPooling1D",
    "StochasticPooling2D",
    "StochasticPooling3D",
    "Swapout",
    "TiledConv1D",
    "TiledConv2D",
    "VLAD",
    "WaveNetBlock1D",
    "WeightNormalization",
]
