"""Receptive fields, and the deconvolution view."""

from keras_cnn_zoo.visualization.deconvolution_view import deconvolution_view
from keras_cnn_zoo.visualization.receptive_field import receptive_field

__all__ = [
    "deconvolution_view",
    "receptive_field",
]
