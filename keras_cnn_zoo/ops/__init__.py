from keras_cnn_zoo.ops.example_convolution import example_convolution

__all__ = [
    "example_convolution",
]
