from keras_cnn_zoo.layers.normalization.local_response_normalization import LocalResponseNormalization

__all__ = [
    "LocalResponseNormalization",
]
