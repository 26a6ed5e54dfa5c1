from keras_cnn_zoo.initializers.lsuv import lsuv

__all__ = [
    "lsuv",
]
