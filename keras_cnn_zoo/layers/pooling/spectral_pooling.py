"""Pooling by cropping the spectrum."""

import keras
from keras import ops

from keras_cnn_zoo.ops import spectra, windows
from keras_cnn_zoo.utils import docstrings, validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class SpectralPooling2D(keras.layers.Layer):
    """2D pooling by cropping the centered spectrum of each channel.

    `y = real(ifft2(crop(fft2(x))))`, times `output size / input size`, which keeps the mean of the input. The
    output can have any smaller size, not only integer fractions. It keeps more of the signal than max or
    average pooling, but can overshoot the input range. It is computed as two real matrix products in at least
    float32.

    Reference: Rippel, Snoek, Adams, 2015, "Spectral Representations for Convolutional Neural Networks", arXiv
    1506.03767; section 3.2.4 of the survey.

    Differs from the paper: the paper's transform is unitary, which multiplies the output by `sqrt(input size
    / output size)`. As in the paper, an even spectrum is cropped to the frequencies `-size/2 .. size/2 - 1`,
    and for frequencies without a conjugate the real part is kept.

    Args:
        output_size: Height and width of the output, an integer or a pair of integers, at most the input's.
            Pass either this or `pool_size`.
        pool_size: Factor by which height and width shrink, an integer or a pair of integers; sizes are
            rounded down.
        {data_format}
        {kwargs}

    Call arguments:
        {inputs}

    Input shape:
        {maps}.

    Output shape:
        `(batch, new_height, new_width, channels)`, or `(batch, channels, new_height, new_width)`.

    Raises:
        ValueError: for an argument outside its range, both or neither of `output_size` and `pool_size`, or an
            input of a rank other than 4 or smaller than the output.

    >>> layer = SpectralPooling2D(output_size=(5, 3))
    >>> print(layer(np.ones((1, 8, 8, 2))).shape)
    (1, 5, 3, 2)
    """

    receptive_steps = "everything"

    def __init__(self, output_size=None, *, pool_size=None, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.output_size = validation.positive_integers("output_size", output_size, 2, optional=True)
        self.pool_size = validation.positive_integers("pool_size", pool_size, 2, optional=True)
        if (output_size is None) == (pool_size is None):
            raise ValueError(
                "Exactly one of `output_size` and `pool_size` must be given. "
                f"Received: output_size={output_size}, pool_size={pool_size}"
            )
        self.data_format = validation.data_format("data_format", data_format)

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs):
        shape = ops.shape(inputs)
        lengths = [shape[axis] for axis in windows.spatial_axes(2, self.data_format)]
        return spectra.spectral_pool(inputs, self._new_lengths(lengths), self.data_format)

    def _new_lengths(self, lengths):
        if self.output_size is not None:
            return self.output_size
        pairs = zip(lengths, self.pool_size, strict=True)
        return tuple(None if length is None else length // factor for length, factor in pairs)

    def compute_output_shape(self, input_shape):
        shape = list(input_shape)
        if len(shape) != 4:
            raise ValueError(
                f"`SpectralPooling2D` takes inputs of rank 4. Received: input_shape={tuple(shape)}"
            )
        axes = windows.spatial_axes(2, self.data_format)
        for axis, new in zip(axes, self._new_lengths([shape[axis] for axis in axes]), strict=True):
            if shape[axis] is not None and not 1 <= new <= shape[axis]:
                raise ValueError(
                    "The output of `SpectralPooling2D` must be at least 1 x 1 and at most the input's size. "
                    f"Received: input_shape={tuple(input_shape)}, output_size={self.output_size}, "
                    f"pool_size={self.pool_size}"
                )
            shape[axis] = new
        return tuple(shape)

    def get_config(self):
        return {
            **super().get_config(),
            "output_size": self.output_size,
            "pool_size": self.pool_size,
            "data_format": self.data_format,
        }
