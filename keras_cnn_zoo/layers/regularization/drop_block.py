"""DropBlock."""

import math

import keras
from keras import ops

from keras_cnn_zoo.ops import statistics, windows
from keras_cnn_zoo.utils import docstrings, validation


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class DropBlock2D(keras.layers.Layer):
    """Dropout of square blocks of feature maps.

    Neighboring features are similar, so dropping single features, as `Dropout` does, removes little
    information. A block starts at each position where it fits, with probability `rate / block_size^2 * size^2
    / (size - block_size + 1)^2`. This drops about `rate` of the features, or less if blocks overlap. The
    remaining features are divided by the fraction that remains. A block larger than the map is cropped to its
    size. Use it between convolutions. `block_size=1` is dropout; a block as large as the map drops whole
    maps, as `keras.layers.SpatialDropout2D` does.

    Reference: Ghiasi, Lin, Le, 2018, "DropBlock: A Regularization Method for Convolutional Networks", arXiv
    1810.12890.

    Differs from the paper: the paper increases `rate` from 0 during training; here it is fixed.

    Args:
        block_size: Height and width of the blocks, an integer or a pair of integers; the paper uses 7.
        rate: Fraction of the features to drop, in [0, 1).
        {data_format}
        per: Scope of the blocks: `"channel"` draws them per example and channel, which works best in the
            paper; `"example"` draws them once for all channels of an example, which is faster. Defaults to
            `"channel"`.
        {seed}
        {kwargs}

    Call arguments:
        {inputs}
        training: Whether to drop.

    Input shape:
        {maps}.

    Output shape:
        Same as the input.

    Raises:
        {map_errors}

    >>> layer = DropBlock2D(block_size=3, rate=0.2, seed=1)
    >>> print(layer(np.ones((1, 8, 8, 2)), training=True).shape)
    (1, 8, 8, 2)
    """

    receptive_steps = "pointwise"

    def __init__(self, block_size, rate, data_format=None, *, per="channel", seed=None, **kwargs):
        super().__init__(**kwargs)
        self.block_size = validation.positive_integers("block_size", block_size, 2)
        self.rate = validation.probability("rate", rate, allow_one=False)
        self.data_format = validation.data_format("data_format", data_format)
        self.per = validation.one_of("per", per, ("channel", "example"))
        self.seed = validation.non_negative_integer("seed", seed, optional=True)
        self.seed_generator = keras.random.SeedGenerator(self.seed)

    def build(self, input_shape):
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs, training=False):
        if not training or self.rate == 0:
            return inputs
        # In at least float32, because half precision counts only to 2,048 or 256.
        wide = windows.as_float32(inputs)
        mask = ops.cast(self._mask(ops.shape(inputs)), wide.dtype)
        share = statistics.mean(mask, axis=(0, 1, 2, 3))
        factors = mask / ops.where(share > 0, share, ops.ones_like(share))
        return ops.cast(wide * factors, inputs.dtype)

    def _mask(self, shape):
        """Returns a float32 mask with zeros inside blocks and ones elsewhere."""
        # draws (batch, height - block + 1, width - block + 1, channels) -> 1 where a block starts
        # -> padded by block - 1 on all sides -> maximum over block x block (batch, height, width, channels)
        shape = list(shape)
        if self.per == "example":
            shape[-1 if self.data_format == "channels_last" else 1] = 1
        axes = windows.spatial_axes(2, self.data_format)
        starts, pads, probability = list(shape), {}, self.rate
        for axis, extent in zip(axes, self.block_size, strict=True):
            known = isinstance(shape[axis], int)
            starts[axis] = windows.at_least_zero(shape[axis] - extent) + 1
            pads[axis] = (min(extent, shape[axis]) - 1 if known else extent - 1,) * 2
            block = min(extent, shape[axis]) if known else ops.minimum(extent, shape[axis])
            if known:
                probability = probability * shape[axis] / (block * starts[axis])
            else:
                size, covered = ops.cast(shape[axis], "float32"), ops.cast(block * starts[axis], "float32")
                probability = probability * size / covered
        draw = keras.random.uniform(starts, dtype="float32", seed=self.seed_generator)
        mask = windows.pad_axes(ops.cast(draw < probability, "float32"), pads)
        # A block extends down and right from its start, so the maximum is over the positions before.
        for axis, (reach, _) in pads.items():
            size = tuple(reach + 1 if position == axis else 1 for position in axes)
            if math.prod(size) > 1:
                mask = ops.max_pool(mask, size, 1, "valid", self.data_format)
            if not isinstance(shape[axis], int):
                mask = windows.take_range(mask, axis, 0, shape[axis])
        return 1 - mask

    def compute_output_shape(self, input_shape):
        if len(input_shape) != 4:
            raise ValueError(
                f"`DropBlock2D` takes inputs of rank 4. Received: input_shape={tuple(input_shape)}"
            )
        return tuple(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "block_size": self.block_size,
            "rate": self.rate,
            "data_format": self.data_format,
            "per": self.per,
            "seed": self.seed,
        }
