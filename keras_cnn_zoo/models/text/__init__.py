"""Models that read text."""

from keras_cnn_zoo.models.text.crnn import CRNN

__all__ = [
    "CRNN",
]
