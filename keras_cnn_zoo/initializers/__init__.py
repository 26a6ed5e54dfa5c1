from keras_cnn_zoo.initializers.bilinear_upsampling import BilinearUpsampling
from keras_cnn_zoo.initializers.conv_identity import ConvIdentity
from keras_cnn_zoo.initializers.delta_orthogonal import DeltaOrthogonal
from keras_cnn_zoo.initializers.gabor_filter_bank import GaborFilterBank
from keras_cnn_zoo.initializers.lsuv import lsuv

__all__ = [
    "BilinearUpsampling",
    "ConvIdentity",
    "DeltaOrthogonal",
    "GaborFilterBank",
    "lsuv",
]
