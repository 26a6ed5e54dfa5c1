from keras_cnn_zoo.callbacks.stop_at_value import StopAtValue

__all__ = [
    "StopAtValue",
]
