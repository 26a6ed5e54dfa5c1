from keras_cnn_zoo.layers.tracking.cross_correlation import CrossCorrelation2D

__all__ = [
    "CrossCorrelation2D",
]
