from keras_cnn_zoo.layers.metric_learning.cosine_dense import CosineDense
from keras_cnn_zoo.layers.metric_learning.large_margin_softmax import LargeMarginSoftmax

__all__ = [
    "CosineDense",
    "LargeMarginSoftmax",
]
