from keras_cnn_zoo.layers.regularization.dropconnect import DropConnect

__all__ = [
    "DropConnect",
]
