"""The base class of Inception blocks, and the tables that define them.

A table is a step or a tuple of consecutive steps. `Concat` is a step with several parallel tables.
Convolutions are numbered in the order of the table, which is also the order of the published weights:
`convolution_1`, `normalization_1`, ...
"""

import dataclasses
import itertools

import keras
from keras import ops

from keras_cnn_zoo.layers.convolution import inception_arguments
from keras_cnn_zoo.layers.slots import CompositeLayer, Slot
from keras_cnn_zoo.ops import windows
from keras_cnn_zoo.utils import validation


@dataclasses.dataclass(frozen=True)
class Conv:
    """Convolution with normalization and activation; `pool` names a 3 x 3 pooling of stride 1 before it.

    Strided and `unpadded` convolutions (marked "V" in the papers) use the block's padding, others "same".
    """

    filters: int
    kernel_size: int | tuple = 1
    strides: int = 1
    unpadded: bool = False
    pool: str | None = None


class Pool:
    """3 x 3 maximum pooling of stride 2 with the block's padding."""

    filters, kernel_size, strides, unpadded = None, 3, 2, True


class Concat:
    """Parallel tables, whose outputs are concatenated in this order."""

    def __init__(self, *branches):
        self.branches = branches


class InceptionBlock(CompositeLayer):
    """Layer that builds and runs the `table` of its class.

    `class Block(InceptionBlock, own={name: default})` gives a block its specific arguments, the shared
    arguments, and the sections of the docstring that describe them; see `inception_arguments`.
    """

    normalization, activation = Slot(), Slot()
    table = None
    arguments = ()
    """Names of the block's specific arguments."""

    num_filters = None
    """Length of the argument `filters`; None if it is one number, not a tuple."""

    # Values for blocks without these arguments.
    width, padding, count_include_pad, scale, activate_output = 1.0, "same", False, None, True

    def __init_subclass__(cls, own=None, **kwargs):
        super().__init_subclass__(**kwargs)
        if own is not None:
            cls.arguments = tuple(name for name in own if name not in inception_arguments.SHARED)
            cls.__init__ = inception_arguments.constructor(own, InceptionBlock._start)
            cls.__doc__ = cls.__doc__ and inception_arguments.filled(cls.__doc__, own)

    def _start(self, values, **kwargs):
        super().__init__(**kwargs)
        self._fill(normalization=values.pop("normalization"), activation=values.pop("activation"))
        for name, value in values.items():
            if name == "filters" and self.num_filters is not None:
                value = validation.positive_integers(name, value, self.num_filters)
            else:
                value = inception_arguments.CHECKS[name](name, value)
            setattr(self, name, value)

    def _prototype(self, slot, value):
        if slot == "normalization" and isinstance(value, str) and value == "batch":
            # The published networks have this epsilon.
            return keras.layers.BatchNormalization(axis=-1, momentum=0.9, epsilon=1e-3)
        return super()._prototype(slot, value)

    def _through(self, table, x, take, join):
        """Returns `x` after a table: `take(step, x)` applies a step, `join` combines branches."""
        for step in table if isinstance(table, tuple) else (table,):
            if isinstance(step, Concat):
                x = join([self._through(branch, x, take, join) for branch in step.branches])
            else:
                x = take(step, x)
        return x

    def build_parts(self, input_shape):
        input_shape = self._checked(input_shape)
        self.convolutions, self.normalizations, self.activations = [], [], []
        shape = self._through(self.table, input_shape, self._add, self._shape_joined)
        self.projection = self.output_activation = None
        if self.scale is not None:
            channels = input_shape[self._channel_axis]
            self.projection = self._convolution(channels, 1, "projection", shape, padding="same")
            if self.activate_output:
                self.output_activation = self._part("activation", "output_activation", input_shape)

    def _add(self, step, shape):
        """Adds the parts of a step; returns the shape of its output."""
        output_shape = self._shape_after(step, shape)
        if not isinstance(step, Pool):
            number = len(self.convolutions) + 1
            convolution = self._convolution(
                self._filters(step),
                step.kernel_size,
                f"convolution_{number}",
                shape,
                strides=step.strides,
                padding=self._padding(step),
                use_bias=self.normalization is None,
            )
            self.convolutions.append(convolution)
            self.normalizations.append(self._part("normalization", f"normalization_{number}", output_shape))
            self.activations.append(self._part("activation", f"activation_{number}", output_shape))
        return output_shape

    def _filters(self, step):
        return None if step.filters is None else max(1, int(round(step.filters * self.width)))

    def _padding(self, step):
        return self.padding if step.unpadded or step.strides > 1 else "same"

    def call(self, inputs):
        parts = zip(self.convolutions, self.normalizations, self.activations, strict=True)

        def take(step, x):
            if isinstance(step, Pool):
                return ops.max_pool(x, 3, 2, self.padding, self.data_format)
            return self._convolved(step, x, *next(parts))

        def join(branches):
            return ops.concatenate(branches, axis=self._channel_axis)

        outputs = self._through(self.table, inputs, take, join)
        if self.projection is None:
            return outputs
        outputs = inputs + self.scale * self.projection(outputs)
        return outputs if self.output_activation is None else self.output_activation(outputs)

    def _convolved(self, step, x, convolution, *after):
        # Average pooling and a 1 x 1 convolution commute, and pooling fewer channels is faster. They do not
        # commute if the pooling counts zeros around the map, because these have no bias.
        late = step.pool == "average" and not (self.count_include_pad and convolution.use_bias)
        if step.pool is not None and not late:
            x = self._pooled(step.pool, x)
        x = convolution(x)
        if late:
            x = self._pooled(step.pool, x)
        for part in after:
            x = x if part is None else part(x)
        return x

    def _pooled(self, kind, x):
        if kind == "max":
            return ops.max_pool(x, 3, 1, "same", self.data_format)
        if not self.count_include_pad:
            return ops.average_pool(x, 3, 1, "same", self.data_format)
        x = windows.pad_axes(x, dict.fromkeys(self._space, (1, 1)))
        return ops.average_pool(x, 3, 1, "valid", self.data_format)

    def compute_output_shape(self, input_shape):
        input_shape = self._checked(input_shape)
        return input_shape if self.scale is not None else self._table_output_shape(input_shape)

    def _checked(self, input_shape):
        """Returns the input shape as a tuple; raises ValueError if the block does not accept it."""
        input_shape = tuple(input_shape)
        if len(input_shape) != 4 or input_shape[self._channel_axis] is None:
            raise ValueError(
                f"`{type(self).__name__}` takes inputs of rank 4 with a known number of channels. "
                f"Received: input_shape={input_shape}"
            )
        known = [input_shape[axis] for axis in self._space if input_shape[axis] is not None]
        if known and not self._fits(min(known)):
            least = next(size for size in itertools.count(1) if self._fits(size))
            raise ValueError(
                f"`{type(self).__name__}` takes feature maps of at least {least} x {least}. "
                f"Received: input_shape={input_shape}, padding={self.padding!r}"
            )
        return input_shape

    def _fits(self, size):
        shape = [1, size, size, size]
        shape[self._channel_axis] = 1
        try:
            self._table_output_shape(tuple(shape))
        except ValueError:
            return False
        return True

    def _table_output_shape(self, shape):
        """Returns the shape after the table; raises ValueError if a window is larger than the map."""
        return self._through(self.table, shape, self._shape_after, self._shape_joined)

    def _shape_after(self, step, shape):
        size = step.kernel_size
        return windows.window_shape(
            shape,
            (size, size) if isinstance(size, int) else size,
            (step.strides, step.strides),
            self._padding(step),
            self.data_format,
            channels=self._filters(step),
            owner=type(self).__name__,
        )

    def _shape_joined(self, shapes):
        shape = list(shapes[0])
        shape[self._channel_axis] = sum(shape[self._channel_axis] for shape in shapes)
        return tuple(shape)

    def get_config(self):
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in self.arguments},
            **self._slots_config(),
            "data_format": self.data_format,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
