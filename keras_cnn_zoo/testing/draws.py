"""Random draws held fixed: the same numbers in eager mode, in a graph, under XLA and on every backend.

The same seed draws different numbers in each of these, so a stochastic layer can be compared across them only
with its draw replaced. The replacement is integer arithmetic on the position in the array, hence exact
everywhere, and it works with shapes that are known only at run time.
"""

import contextlib
import inspect
import itertools

import keras
from keras import ops

from keras_cnn_zoo.utils.dtypes import at_least_float32

PERIOD = 8192  # a power of two: XLA divides by anything else inexactly, each backend in its own way
GOLDEN = 5063  # odd, near PERIOD times the golden section: any stretch of positions covers (0, 1) evenly


class _Draws:
    """Replacements of the functions of `keras.random`, numbered in the order in which they are called."""

    def __init__(self):
        self.calls = itertools.count(1)

    def unit(self, shape):
        """Returns float32 numbers inside (0, 1), evenly spread, in an order that depends on the call."""
        shape = tuple(shape)
        count = 1
        for size in shape:
            count = count * size
        position = ops.cast(ops.arange(count), "int32") % PERIOD
        position = (position * GOLDEN + next(self.calls) * 2741) % PERIOD
        return ops.reshape((ops.cast(position, "float32") + 0.5) / PERIOD, shape)

    def standard_normal(self, shape, dtype, bound=1.0):
        # Cast first here too: backends differ in the last digits of float32's inverse error function.
        unit = ops.cast(self.unit(shape), at_least_float32(dtype or keras.config.floatx()))
        return ops.erfinv((2.0 * unit - 1.0) * bound) * 2.0**0.5

    def uniform(self, shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
        # Cast first, so that a float64 draw is not rounded to float32 on the way to its interval.
        return self._finish(self.unit(shape), dtype) * (maxval - minval) + minval

    def normal(self, shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
        return self._finish(self.standard_normal(shape, dtype) * stddev + mean, dtype)

    def truncated_normal(self, shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
        within_two = 0.9544997361036416
        return self._finish(self.standard_normal(shape, dtype, within_two) * stddev + mean, dtype)

    def randint(self, shape, minval, maxval, dtype="int32", seed=None):
        values = ops.cast(ops.floor(self.unit(shape) * (maxval - minval)), "int32") + minval
        return ops.cast(values, dtype or "int32")

    def dropout(self, inputs, rate, noise_shape=None, seed=None):
        shape = ops.shape(inputs)
        if noise_shape is not None:
            shape = [own if size is None else size for own, size in zip(shape, noise_shape, strict=True)]
        keep = ops.cast(self.unit(shape) >= rate, inputs.dtype)
        return inputs * keep / (1.0 - rate)

    def categorical(self, logits, num_samples, dtype="int32", seed=None):
        limits = ops.cumsum(ops.softmax(ops.cast(logits, "float32"), axis=-1), axis=-1)[:, :-1]
        points = self.unit((ops.shape(logits)[0], num_samples))
        passed = ops.expand_dims(limits, 1) <= ops.expand_dims(points, -1)
        return ops.cast(ops.sum(ops.cast(passed, "int32"), axis=-1), dtype or "int32")

    def shuffle(self, x, axis=0, seed=None):
        return ops.take(x, ops.argsort(self.unit((ops.shape(x)[axis],))), axis=axis)

    @staticmethod
    def _finish(values, dtype):
        return ops.cast(values, dtype or keras.config.floatx())


REPLACED = ("uniform", "normal", "truncated_normal", "randint", "dropout", "categorical", "shuffle")


def _implementation():
    """Returns the module from which `keras.random` and Keras' random layers draw on this backend."""
    return inspect.getmodule(keras.random.uniform).backend.random


@contextlib.contextmanager
def fixed_draws():
    """Makes every draw through Keras a fixed array in this context; each entry starts the sequence anew."""
    draws = _Draws()
    module = _implementation()
    originals = {name: getattr(module, name) for name in REPLACED}
    for name in REPLACED:
        setattr(module, name, getattr(draws, name))
    try:
        yield
    finally:
        for name, original in originals.items():
            setattr(module, name, original)
