from keras_cnn_zoo.layers.regularization.dropconnect import DropConnect
from keras_cnn_zoo.layers.regularization.noise_invariance import NoiseInvariance

__all__ = [
    "DropConnect",
    "NoiseInvariance",
]
