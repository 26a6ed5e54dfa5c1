"""Models that classify every pixel."""

from keras_cnn_zoo.models.segmentation.deeplab import DeepLab
from keras_cnn_zoo.models.segmentation.fcn import FCN
from keras_cnn_zoo.models.segmentation.unet import UNet

__all__ = [
    "DeepLab",
    "FCN",
    "UNet",
]
