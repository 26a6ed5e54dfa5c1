from keras_cnn_zoo.models.visualization.deconvolution_view import deconvolution_view
from keras_cnn_zoo.models.visualization.receptive_field import receptive_field

__all__ = [
    "deconvolution_view",
    "receptive_field",
]
