"""What every Inception block is made of: a table of branches, and the layer that reads it.

A table is a tuple of steps, one after the other. `Concat` is a step of several such tuples side by side.
Convolutions are numbered in the order in which the table is read, which is also that of the published
weights: `convolution_1`, `normalization_1`, ...
"""

import dataclasses
import itertools

import keras
from keras import ops

from keras_cnn_zoo.layers.convolution.dilated_conv import Conv2D
from keras_cnn_zoo.ops import windows
from keras_cnn_zoo.utils import prototypes, validation


@dataclasses.dataclass(frozen=True)
class Conv:
    """A convolution, normalized and activated; behind a 3 x 3 pooling of stride 1 where `pool` names one.

    `reduces` marks the ones that the papers' figures mark "V": without padding, unless the block pads.
    """

    filters: int
    kernel_size: int | tuple = 1
    strides: int = 1
    reduces: bool = False
    pool: str | None = None


@dataclasses.dataclass(frozen=True)
class Pool:
    """3 x 3 maximum pooling of stride 2, "V" like `Conv.reduces`."""


class Concat:
    """Branches side by side, whose outputs are joined in this order."""

    def __init__(self, *branches):
        self.branches = tuple(_steps(branch) for branch in branches)


def _steps(table):
    return table if isinstance(table, tuple) else (table,)


class InceptionBlock(keras.layers.Layer):
    """Builds and runs the subclass's `table`; see there for the arguments."""

    table = None
    arguments = ("width", "padding")
    """Names of the subclass's own arguments, beside those that all blocks share."""

    # What blocks that have no such argument do.
    count_include_pad = False
    scale = None
    activate_output = True

    def __init__(
        self,
        *,
        width=1.0,
        padding="valid",
        normalization="batch",
        activation="relu",
        data_format=None,
        kernel_initializer="he_normal",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.width = validation.finite_number("width", width, above=0)
        self.padding = validation.one_of("padding", padding, ("valid", "same"))
        self._normalization_prototype = _normalization(normalization)
        self._activation_prototype = prototypes.activation("activation", activation)
        # A name stays a name in the config.
        named = isinstance(normalization, str)
        self.normalization = normalization if named else self._normalization_prototype
        self.activation = activation if isinstance(activation, str) else self._activation_prototype
        self.data_format = validation.data_format("data_format", data_format)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    @property
    def _channel_axis(self):
        return -1 if self.data_format == "channels_last" else 1

    def _filters(self, step):
        return max(1, int(round(step.filters * self.width)))

    def _padding(self, step):
        return self.padding if isinstance(step, Pool) or step.reduces else "same"

    def build(self, input_shape):
        shape = self._checked(input_shape)
        self.convolutions, self.normalizations, self.activations = [], [], []
        for step, (height, width, channels) in self._convolutions(_steps(self.table), shape):
            number = len(self.convolutions) + 1
            convolution = self._convolution(
                self._filters(step),
                step.kernel_size,
                step.strides,
                self._padding(step),
                use_bias=self._normalization_prototype is None,
                name=f"convolution_{number}",
            )
            normalization = self._part(self._normalization_prototype, f"normalization_{number}")
            activation = self._part(self._activation_prototype, f"activation_{number}")
            convolution.build(self._in_layout(input_shape[0], height, width, channels))
            leaving = self._in_layout(input_shape[0], *self._shape_after(step, (height, width, channels)))
            for layer in (normalization, activation):
                if layer is not None and not layer.built:
                    layer.build(leaving)
            self.convolutions.append(convolution)
            self.normalizations.append(normalization)
            self.activations.append(activation)
        self.projection = self.output_activation = None
        if self.scale is not None:
            *space, channels = self._shape_after_all(_steps(self.table), shape)
            self.projection = self._convolution(shape[-1], 1, 1, "same", use_bias=True, name="projection")
            self.projection.build(self._in_layout(input_shape[0], *space, channels))
            if self.activate_output:
                self.output_activation = self._part(self._activation_prototype, "output_activation")
            if self.output_activation is not None and not self.output_activation.built:
                self.output_activation.build(input_shape)
        self.built = True

    def _convolution(self, filters, kernel_size, strides, padding, use_bias, name):
        return Conv2D(
            filters,
            kernel_size,
            strides=strides,
            padding=padding,
            data_format=self.data_format,
            use_bias=use_bias,
            # Rebuilt, because an unseeded initializer used twice repeats its values.
            kernel_initializer=keras.initializers.get(keras.initializers.serialize(self.kernel_initializer)),
            dtype=self.dtype_policy,
            name=name,
        )

    def _part(self, prototype, name):
        """A fresh copy of a slot's prototype in this layer's precision, along this layer's channels."""
        if prototype is None:
            return None
        layer = prototypes.clone(prototype)
        config = {**layer.get_config(), "name": name, "dtype": self.dtype_policy}
        if config.get("axis") in (-1, [-1]):
            config["axis"] = self._channel_axis
        return type(layer).from_config(config)

    def call(self, inputs):
        outputs = self._run(_steps(self.table), inputs, itertools.count())
        if self.projection is None:
            return outputs
        outputs = inputs + self.scale * self.projection(outputs)
        return outputs if self.output_activation is None else self.output_activation(outputs)

    def _run(self, steps, x, places):
        for step in steps:
            if isinstance(step, Concat):
                x = ops.concatenate(
                    [self._run(branch, x, places) for branch in step.branches], axis=self._channel_axis
                )
            elif isinstance(step, Pool):
                x = ops.max_pool(x, 3, 2, self._padding(step), self.data_format)
            else:
                x = self._convolved(step, x, next(places))
        return x

    def _convolved(self, step, x, place):
        convolution = self.convolutions[place]
        # A mean and a 1 x 1 convolution may change places, and the fewer channels are averaged the better;
        # not where zeros count, since they have no bias.
        late = step.pool == "average" and not (self.count_include_pad and convolution.use_bias)
        if step.pool is not None and not late:
            x = self._pooled(step.pool, x)
        x = convolution(x)
        if late:
            x = self._pooled(step.pool, x)
        for layer in (self.normalizations[place], self.activations[place]):
            if layer is not None:
                x = layer(x)
        return x

    def _pooled(self, kind, x):
        if kind == "max":
            return ops.max_pool(x, 3, 1, "same", self.data_format)
        if not self.count_include_pad:
            return ops.average_pool(x, 3, 1, "same", self.data_format)
        x = windows.pad_axes(x, dict.fromkeys(windows.spatial_axes(2, self.data_format), (1, 1)))
        return ops.average_pool(x, 3, 1, "valid", self.data_format)

    def compute_output_shape(self, input_shape):
        shape = self._checked(input_shape)
        if self.scale is None:
            shape = self._shape_after_all(_steps(self.table), shape)
        return self._in_layout(input_shape[0], *shape)

    def _checked(self, input_shape):
        """`(height, width, channels)` of an input that the block can take."""
        input_shape = tuple(input_shape)
        if len(input_shape) != 4 or input_shape[self._channel_axis] is None:
            raise ValueError(
                f"`{type(self).__name__}` takes inputs of rank 4 with a known number of channels. "
                f"Received: input_shape={input_shape}"
            )
        first = 1 if self.data_format == "channels_last" else 2
        height, width = input_shape[first : first + 2]
        known = [size for size in (height, width) if size is not None]
        if known and not self._fits(min(known)):
            least = next(size for size in itertools.count(1) if self._fits(size))
            raise ValueError(
                f"`{type(self).__name__}` takes maps of at least {least} x {least}. "
                f"Received: input_shape={input_shape}, padding={self.padding!r}"
            )
        return height, width, input_shape[self._channel_axis]

    def _fits(self, size):
        return self._shape_after_all(_steps(self.table), (size, size, 1)) is not None

    def _in_layout(self, batch, height, width, channels):
        last = self.data_format == "channels_last"
        return (batch, height, width, channels) if last else (batch, channels, height, width)

    def _shape_after(self, step, shape):
        """`(height, width, channels)` behind a step, or None where a window finds no place."""
        *space, channels = shape
        if isinstance(step, Concat):
            leaving = [self._shape_after_all(branch, shape) for branch in step.branches]
            if None in leaving:
                return None
            return (*leaving[0][:2], sum(channels for *_, channels in leaving))
        size, stride = (3, 2) if isinstance(step, Pool) else (step.kernel_size, step.strides)
        sizes = (size, size) if isinstance(size, int) else size
        space = [
            windows.output_length(length, extent, stride, self._padding(step))
            for length, extent in zip(space, sizes, strict=True)
        ]
        if any(length is not None and length < 1 for length in space):
            return None
        return (*space, channels if isinstance(step, Pool) else self._filters(step))

    def _shape_after_all(self, steps, shape):
        for step in steps:
            shape = None if shape is None else self._shape_after(step, shape)
        return shape

    def _convolutions(self, steps, shape):
        """Pairs (convolution, shape before it) in the order in which `_run` meets them."""
        for step in steps:
            if isinstance(step, Concat):
                for branch in step.branches:
                    yield from self._convolutions(branch, shape)
            elif isinstance(step, Conv):
                yield step, shape
            shape = self._shape_after(step, shape)

    def get_config(self):
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in self.arguments},
            "normalization": _stored(self.normalization),
            "activation": _stored(self.activation),
            "data_format": self.data_format,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


def _normalization(value):
    """As everywhere, but "batch" has the epsilon of the published Inception networks."""
    if isinstance(value, str) and value == "batch":
        return keras.layers.BatchNormalization(axis=-1, momentum=0.9, epsilon=1e-3)
    return prototypes.normalization("normalization", value)


def _stored(slot):
    return slot if isinstance(slot, str) else prototypes.serialize(slot)
