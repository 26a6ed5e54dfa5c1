"""Spatial pyramid pooling."""

import keras
from keras import ops

from keras_cnn_zoo.ops import statistics, windows
from keras_cnn_zoo.utils import docstrings, validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class SpatialPyramidPooling2D(keras.layers.Layer):
    """Pooling of maps of any size to vectors of fixed length, with n x n bins for each level n.

    Bin i of n covers the rows `floor(i * height / n) .. ceil((i + 1) * height / n) - 1`, and the columns
    likewise. The bins cover the map and overlap if n does not divide its size. If the map is smaller than the
    grid, bins share pixels. Between convolutions and dense layers, it lets a network accept images of any
    size. Compiled by XLA on TensorFlow, the maximum passes over NaN, as `keras.ops.max` does there.

    As in Keras' average pooling, a mean overflows if the sum does: in float32, from 3e38 divided by the
    number of entries.

    Reference: He, Zhang, Ren, Sun, 2014, "Spatial Pyramid Pooling in Deep Convolutional Networks for Visual
    Recognition", arXiv 1406.4729; section 3.2.5 of the survey.

    Differs from the paper: for training on one size, the paper uses windows of `ceil(height / n)` with
    strides of `floor(height / n)`, which are the same bins if n divides the size. The bins here are the
    paper's bins for arbitrary sizes.

    Args:
        levels: Positive integers, the number of bins along each axis per level. Defaults to `(4, 2, 1)`.
        pooling: `"max"` as in the paper, or `"average"`. Defaults to `"max"`.
        {data_format}
        {kwargs}

    Call arguments:
        {inputs}

    Input shape:
        {maps}; height and width may be unknown.

    Output shape:
        `(batch, sum(n^2) * channels)`, ordered by level, row, column, and channel, for both data formats.

    Raises:
        ValueError: for an argument outside its range, or an input of a rank other than 4, without a pixel, or
            with an unknown number of channels.

    >>> layer = SpatialPyramidPooling2D(levels=(2, 1))
    >>> print(layer(np.ones((1, 5, 7, 3))).shape, layer(np.ones((1, 9, 1, 3))).shape)
    (1, 15) (1, 15)
    """

    receptive_steps = "everything"

    def __init__(self, levels=(4, 2, 1), *, pooling="max", data_format=None, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(levels, (tuple, list)) or not levels:
            validation.fail("levels", "a sequence of positive integers", levels)
        self.levels = validation.positive_integers("levels", levels, len(levels))
        self.pooling = validation.one_of("pooling", pooling, ("max", "average"))
        self.data_format = validation.data_format("data_format", data_format)

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        self.built = True

    @property
    def _space(self):
        return windows.spatial_axes(2, self.data_format)

    def call(self, inputs):
        grids = {}
        # From fine to coarse: if a finer level is a multiple of the level, the maxima of its bins replace the
        # map, so the map is read only once.
        for level in sorted(set(self.levels), reverse=True):
            finer = [size for size in grids if size % level == 0] if self.pooling == "max" else []
            grids[level] = self._pool(grids[min(finer)] if finer else inputs, level)
        outputs = []
        for level in self.levels:
            grid = grids[level]
            if self.data_format == "channels_first":
                grid = ops.transpose(grid, (0, 2, 3, 1))
            outputs.append(ops.reshape(grid, (ops.shape(grid)[0], level * level * grid.shape[-1])))
        return ops.cast(ops.concatenate(outputs, axis=-1), self.compute_dtype)

    def _pool(self, inputs, level):
        for axis in self._space:
            bins = [
                ops.max(part, axis=axis) if self.pooling == "max" else statistics.mean(part, (axis,))
                for part in _bins(inputs, axis, level)
            ]
            inputs = ops.stack(bins, axis=axis)
        return inputs

    def compute_output_shape(self, input_shape):
        shape = tuple(input_shape)
        if len(shape) != 4:
            raise ValueError(
                f"`SpatialPyramidPooling2D` takes inputs of rank 4. Received: input_shape={shape}"
            )
        if any(shape[axis] == 0 for axis in self._space):
            raise ValueError(f"The input must have at least one pixel. Received: input_shape={shape}")
        channels = shape[-1 if self.data_format == "channels_last" else 1]
        if channels is None:
            raise ValueError(f"The number of channels must be known. Received: input_shape={shape}")
        return (shape[0], channels * sum(level**2 for level in self.levels))

    def get_config(self):
        return {
            **super().get_config(),
            "levels": self.levels,
            "pooling": self.pooling,
            "data_format": self.data_format,
        }


def _bins(inputs, axis, count):
    """Returns the slice of each bin along one axis."""
    length = ops.shape(inputs)[axis]
    starts = [index * length // count for index in range(count)]
    stops = [((index + 1) * length + count - 1) // count for index in range(count)]
    return [
        windows.take_range(inputs, axis, start, stop - start)
        for start, stop in zip(starts, stops, strict=True)
    ]
