"""Windows of poolings, from the arguments that they keep by Keras' names."""

from keras_cnn_zoo.ops import windows


def arguments(layer):
    """What functions of windows take behind the inputs."""
    return layer.pool_size, layer.strides, layer.padding, layer.data_format


def pooled_shape(layer, input_shape):
    """The output shape, or ValueError where no window fits."""
    return windows.window_shape(input_shape, *arguments(layer), owner=type(layer).__name__)


def config(layer):
    """What `get_config` says of the windows."""
    names = ("pool_size", "strides", "padding", "data_format")
    return dict(zip(names, arguments(layer), strict=True))
