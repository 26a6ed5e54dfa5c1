from keras_cnn_zoo.layers.activation.maxout import Maxout
from keras_cnn_zoo.layers.activation.maxout_dense import MaxoutDense
from keras_cnn_zoo.layers.activation.probout import Probout
from keras_cnn_zoo.layers.activation.rrelu import RReLU

__all__ = [
    "Maxout",
    "MaxoutDense",
    "Probout",
    "RReLU",
]
