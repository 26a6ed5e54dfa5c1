from keras_cnn_zoo.regularizers.lp import Lp

__all__ = [
    "Lp",
]
