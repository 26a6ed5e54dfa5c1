"""Max unpooling in two dimensions."""

import keras

from keras_cnn_zoo.layers.base_pooling import BasePooling
from keras_cnn_zoo.ops import windows
from keras_cnn_zoo.ops.switches import max_unpool, unpooled_length
from keras_cnn_zoo.utils import docstrings, validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class MaxUnpooling2D(BasePooling):
    """2D unpooling that puts each value at the position of its window's maximum, and 0 elsewhere.

    The inputs are one value per window and the switches of `MaxPoolingWithArgmax2D`; use the same arguments
    as for the pooling. If overlapping windows share a maximum, their values are summed, so for fixed switches
    this is the transpose of the pooling. For decoders such as SegNet's, and for visualizing features in the
    input. It uses no scatter.

    Reference: Zeiler, Fergus, 2013, "Visualizing and Understanding Convolutional Networks", arXiv 1311.2901,
    section 2.1.

    Args:
        {pool_size}
        {pool_strides}
        {padding}
        {data_format}
        output_size: Height and width of the map before pooling, an integer or a pair of integers. Several
            sizes pool to the same size. For `n` windows, None takes `(n - 1) * strides + pool_size`, the
            smallest size, with `"valid"`, and `n * strides`, the largest size, with `"same"`.
        {kwargs}

    Call arguments:
        {inputs}
        switches: An integer tensor of the same shape: row-major positions in the windows.

    Input shape:
        Two times `(batch, height, width, channels)`, or `(batch, channels, height, width)` for
        channels_first.

    Output shape:
        `(batch, new_height, new_width, channels)`, or with the channels first.

    Raises:
        ValueError: for an argument outside its range, inputs that are not two tensors of the same shape and
            rank 4, or an `output_size` with another number of windows.

    >>> x = np.array([[[[1.0], [0.0]], [[3.0], [2.0]]]])
    >>> y = MaxUnpooling2D(2)(*keras_cnn_zoo.layers.MaxPoolingWithArgmax2D(2)(x))
    >>> [[float(value) for value in row] for row in y[0, :, :, 0]]
    [[0.0, 0.0], [3.0, 0.0]]
    """

    rank = 2

    def __init__(
        self, pool_size=2, strides=None, padding="valid", data_format=None, *, output_size=None, **kwargs
    ):
        super().__init__(pool_size, strides, padding, data_format, **kwargs)
        self.output_size = validation.positive_integers("output_size", output_size, 2, optional=True)

    def build(self, inputs_shape, switches_shape):
        self.compute_output_shape(inputs_shape, switches_shape)
        self.built = True

    def call(self, inputs, switches):
        return max_unpool(inputs, switches, *self._window, self.output_size)

    def compute_output_shape(self, inputs_shape, switches_shape):
        same = len(inputs_shape) == len(switches_shape) == 4 and all(
            None in (one, other) or one == other
            for one, other in zip(inputs_shape, switches_shape, strict=True)
        )
        if not same:
            raise ValueError(
                "`MaxUnpooling2D` takes values and switches of the same shape and of rank 4. "
                f"Received: inputs_shape={tuple(inputs_shape)}, switches_shape={tuple(switches_shape)}"
            )
        shape = [
            other if own is None else own for own, other in zip(inputs_shape, switches_shape, strict=True)
        ]
        for position, axis in enumerate(windows.spatial_axes(2, self.data_format)):
            window = (self.pool_size[position], self.strides[position], self.padding)
            if self.output_size is None:
                shape[axis] = unpooled_length(shape[axis], *window)
                continue
            length = self.output_size[position]
            if shape[axis] not in (None, windows.output_length(length, *window)):
                raise ValueError(
                    "`output_size` must be a size that pools to the size of the inputs. Received: "
                    f"output_size={self.output_size}, inputs_shape={tuple(inputs_shape)}"
                )
            shape[axis] = length
        return tuple(shape)

    def get_config(self):
        return {**super().get_config(), "output_size": self.output_size}
