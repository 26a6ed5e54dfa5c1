"""Models that give every pixel a class."""

from keras_cnn_zoo.models.segmentation.unet import UNet

__all__ = ["UNet"]
