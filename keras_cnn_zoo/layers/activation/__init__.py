from keras_cnn_zoo.layers.activation.maxout import Maxout
from keras_cnn_zoo.layers.activation.rrelu import RReLU

__all__ = [
    "Maxout",
    "RReLU",
]
