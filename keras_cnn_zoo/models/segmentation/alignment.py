"""Layers that resize or crop a map to the size of another one."""

from keras import layers, ops

from keras_cnn_zoo.ops.resizing import resize_bilinear


class ResizeLike(layers.Layer):
    """Resizes the first map, bilinearly, to the height and width of the second."""

    def call(self, inputs):
        x, like = inputs
        return resize_bilinear(x, ops.shape(like)[1:3])

    def compute_output_shape(self, input_shape):
        x, like = input_shape
        return (x[0], like[1], like[2], x[3])


class CropLike(layers.Layer):
    """Crops the first map to the height and width of the second.

    Args:
        centered: whether to keep the center instead of the top left corner.
        **kwargs: `name`, `dtype`, ...
    """

    def __init__(self, centered=False, **kwargs):
        super().__init__(**kwargs)
        self.centered = centered

    def call(self, inputs):
        larger, smaller = inputs
        height, width = ops.shape(smaller)[1:3]
        top = (ops.shape(larger)[1] - height) // 2 if self.centered else 0
        left = (ops.shape(larger)[2] - width) // 2 if self.centered else 0
        return larger[:, top : top + height, left : left + width, :]

    def compute_output_shape(self, input_shape):
        larger, smaller = input_shape
        return (larger[0], smaller[1], smaller[2], larger[3])

    def get_config(self):
        return {**super().get_config(), "centered": self.centered}
