"""Max pooling in two dimensions that also returns the positions of the maxima."""

import keras

from keras_cnn_zoo.layers.base_pooling import BasePooling
from keras_cnn_zoo.ops import switches
from keras_cnn_zoo.utils import docstrings


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class MaxPoolingWithArgmax2D(BasePooling):
    """2D max pooling that returns the maxima and their switches, their positions in the windows.

    The first output equals that of `keras.layers.MaxPooling2D`. The second is the row-major index of the
    first maximum in each window. `MaxUnpooling2D` uses the switches to put values back. For decoders that
    keep boundaries sharp without skip connections, and for visualizing features in the input.
    {nan_in_maximum}

    Reference: Zeiler, Fergus, 2013, "Visualizing and Understanding Convolutional Networks", arXiv 1311.2901,
    section 2.1.

    Args:
        {pool_size}
        {pool_strides}
        padding: `"valid"`, or `"same"`, whose padding is never a maximum. Defaults to `"valid"`.
        {data_format}
        {kwargs}

    Call arguments:
        {inputs}

    Input shape:
        {maps}.

    Output shape:
        Two times `(batch, new_height, new_width, channels)`, or with the channels first: the maxima, and
        int32 switches from 0 to `prod(pool_size) - 1`. Switches index the window, not the map as in
        TensorFlow and PyTorch, so they do not depend on the map's size.

    Raises:
        {pool_errors}

    >>> pooled, switches = MaxPoolingWithArgmax2D(2)(np.array([[[[1.0], [0.0]], [[3.0], [2.0]]]]))
    >>> float(pooled[0, 0, 0, 0]), int(switches[0, 0, 0, 0])
    (3.0, 2)
    """

    rank = 2
    receptive_steps = "window"

    def call(self, inputs):
        return switches.max_pool_with_switches(inputs, *self._window)

    def compute_output_shape(self, input_shape):
        shape = super().compute_output_shape(input_shape)
        return shape, shape

    def compute_output_spec(self, inputs):
        pooled, places = self.compute_output_shape(inputs.shape)
        return keras.KerasTensor(pooled, self.compute_dtype), keras.KerasTensor(places, "int32")
