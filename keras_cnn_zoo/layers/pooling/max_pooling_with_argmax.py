"""Max pooling in two dimensions that also tells where the maxima were."""

import keras

from keras_cnn_zoo.layers.pooling import sliding
from keras_cnn_zoo.ops import switches
from keras_cnn_zoo.utils import validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class MaxPoolingWithArgmax2D(keras.layers.Layer):
    """2D max pooling that gives the maxima and their switches, the place of each in its window.

    The first output is that of `keras.layers.MaxPooling2D`; the second is the number, row by row, of the
    window's first largest entry. `MaxUnpooling2D` puts values back where the switches point: for decoders
    that keep boundaries sharp without skip connections, and for looking at features in the input.

    Reference: Zeiler, Fergus, 2013, "Visualizing and Understanding Convolutional Networks", arXiv 1311.2901,
    section 2.1.

    Args:
        pool_size: Height and width of the windows, an integer or two. Defaults to 2.
        strides: Step of the windows, an integer or two, or None for `pool_size`.
        padding: `"valid"`, or `"same"`, whose padding is never a maximum. Defaults to `"valid"`.
        data_format: `"channels_last"`, `"channels_first"`, or None for Keras' global setting.
        **kwargs: `name`, `dtype`, ...

    Call arguments:
        inputs: A floating-point tensor.

    Input shape:
        `(batch, height, width, channels)`, or `(batch, channels, height, width)` for channels_first.

    Output shape:
        Twice `(batch, new_height, new_width, channels)`, or with the channels first: maxima, and switches in
        int32, from 0 to the entries of a window less one. They count within the window, not over the map as
        TensorFlow's and PyTorch's do, and so do not depend on the map's size.

    Raises:
        ValueError: for an argument outside its range, or an input of a rank other than 4 or smaller than a
            window.

    >>> pooled, switches = MaxPoolingWithArgmax2D(2)(np.array([[[[1.0], [0.0]], [[3.0], [2.0]]]]))
    >>> float(pooled[0, 0, 0, 0]), int(switches[0, 0, 0, 0])
    (3.0, 2)
    """

    receptive_steps = "window"

    def __init__(self, pool_size=2, strides=None, padding="valid", data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = validation.positive_integers("pool_size", pool_size, 2)
        strides = self.pool_size if strides is None else strides
        self.strides = validation.positive_integers("strides", strides, 2)
        self.padding = validation.one_of("padding", padding, ("valid", "same"))
        self.data_format = validation.data_format("data_format", data_format)

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs):
        return switches.max_pool_with_switches(inputs, *sliding.arguments(self))

    def compute_output_shape(self, input_shape):
        shape = sliding.pooled_shape(self, input_shape)
        return shape, shape

    def compute_output_spec(self, inputs):
        pooled, places = self.compute_output_shape(inputs.shape)
        return keras.KerasTensor(pooled, self.compute_dtype), keras.KerasTensor(places, "int32")

    def get_config(self):
        return {
            **super().get_config(),
            **sliding.config(self),
        }
