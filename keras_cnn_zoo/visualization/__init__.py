"""Receptive fields, the deconvolution view, and Grad-CAM."""

from keras_cnn_zoo.visualization.deconvolution_view import deconvolution_view
from keras_cnn_zoo.visualization.grad_cam import grad_cam
from keras_cnn_zoo.visualization.receptive_field import receptive_field

__all__ = [
    "deconvolution_view",
    "grad_cam",
    "receptive_field",
]
