"""Layers that are right, or wrong in one way on another backend, with their cases."""

import multiprocessing
import os
import warnings

import keras
import numpy as np

BACKEND = keras.backend.backend()


class Scale(keras.layers.Layer):
    """A weight times the input: nothing wrong with it. The base of the broken ones."""

    def build(self, input_shape):
        self.scale = self.add_weight(name="scale", shape=(input_shape[-1],), initializer="ones")

    def call(self, inputs):
        return inputs * self.scale


class Noisy(Scale):
    """Right: multiplies by uniform noise in training."""

    def __init__(self, *, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def source(self):
        return self.seed_generator

    def call(self, inputs, training=False):
        if not training:
            return inputs * self.scale
        noise = keras.random.uniform(keras.ops.shape(inputs), 0.0, 1.0, inputs.dtype, self.source())
        return inputs * self.scale * noise


class WrongOnJax(Scale):
    """A wrong value on one backend."""

    def call(self, inputs):
        return inputs * self.scale * (1.001 if BACKEND == "jax" else 1.0)


class WrongGradientOnJax(Scale):
    """The right value with the gradient stopped on one backend."""

    def call(self, inputs):
        scale = keras.ops.stop_gradient(self.scale) if BACKEND == "jax" else self.scale
        return inputs * scale


class SameDrawOnJax(Noisy):
    """The same noise in every call on one backend, which does not show while draws are held fixed."""

    def source(self):
        return 1 if BACKEND == "jax" else self.seed_generator


class CrashesOnJax(Scale):
    """Ends the process, as a compiler that aborts does."""

    def call(self, inputs):
        if BACKEND == "jax":
            os.write(2, b"the last words of the process\n")
            os._exit(7)
        return super().call(inputs)


class CrashesInAPool(Scale):
    """Ends the process if it belongs to a pool of `multiprocessing`."""

    def call(self, inputs):
        if multiprocessing.parent_process() is not None:
            os._exit(7)
        return super().call(inputs)


class NotForTpu(Scale):
    """Eigenvalues of a general matrix, which no TPU computes."""

    def call(self, inputs):
        if BACKEND == "jax":
            wide = keras.ops.cast(keras.ops.stop_gradient(inputs), "float32")
            values, _ = keras.ops.eig(keras.ops.einsum("bi,bj->bij", wide, wide))
            inputs = inputs + 0.0 * keras.ops.cast(keras.ops.real(values), inputs.dtype)
        return inputs * self.scale


class Demotes(Scale):
    """Float32 on the way, and float64 again at the end: the dtype alone shows nothing."""

    def call(self, inputs):
        if BACKEND != "tensorflow":
            return keras.ops.cast(keras.ops.cast(inputs * self.scale, "float32"), inputs.dtype)
        return inputs * self.scale


class NotFiniteInHalf(Scale):
    """Overflows in float16 on one backend."""

    def call(self, inputs):
        if BACKEND == "jax":
            return keras.ops.log(keras.ops.exp(20.0 * inputs * self.scale)) / 20.0
        return inputs * self.scale


class WarnsOnTorch(Scale):
    """A warning, which the suite treats as an error."""

    def call(self, inputs):
        if BACKEND == "torch":
            warnings.warn("this will change", UserWarning, stacklevel=2)
        return inputs * self.scale


class Double(keras.losses.Loss):
    """A loss, nothing wrong with it."""

    def call(self, y_true, y_pred):
        return keras.ops.sum(keras.ops.square(2.0 * (y_true - y_pred)), axis=-1)


def small_model():
    """Returns a model with a moving average, which training updates."""
    return keras.Sequential([keras.layers.Dense(3), keras.layers.BatchNormalization()])


class Square(keras.regularizers.Regularizer):
    """A regularizer, nothing wrong with it."""

    def __call__(self, x):
        return keras.ops.sum(keras.ops.square(x))


CASES = [
    dict(cls=Scale, input_shape=(3, 4)),
    dict(cls=Noisy, init_kwargs={"seed": 1}, input_shape=(3, 4)),
    dict(cls=WrongOnJax, input_shape=(3, 4)),
    dict(cls=WrongGradientOnJax, input_shape=(3, 4)),
    dict(cls=SameDrawOnJax, init_kwargs={"seed": 1}, input_shape=(3, 4)),
    dict(cls=CrashesOnJax, input_shape=(3, 4)),
    dict(cls=NotForTpu, input_shape=(3, 4)),
    dict(cls=Demotes, input_shape=(3, 4)),
    dict(cls=NotFiniteInHalf, input_shape=(3, 4)),
    dict(cls=WarnsOnTorch, input_shape=(3, 4)),
    dict(cls=Double, y_true=np.ones((3, 2), "float32"), y_pred=np.arange(6, dtype="float32").reshape(3, 2)),
    dict(cls=Square, weight=np.arange(6, dtype="float32") - 2.5),
    dict(cls=keras.initializers.HeNormal, init_kwargs={"seed": 3}, shape=(3, 4)),
    dict(
        cls=keras.metrics.MeanSquaredError,
        updates=[(np.ones((3, 2), "float32"), np.zeros((3, 2), "float32"))],
        expected=1.0,
    ),
    dict(build=small_model, input_shape=(4, 5)),
    dict(cls=CrashesInAPool, input_shape=(3, 4)),
]
