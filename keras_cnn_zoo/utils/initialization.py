"""Initial values: constants, and several kernels from one initializer."""

import keras
import numpy as np
from keras import ops

# Each value is drawn independently of the kernel's shape.
_ELEMENTWISE = (
    keras.initializers.Zeros,
    keras.initializers.Ones,
    keras.initializers.Constant,
    keras.initializers.RandomNormal,
    keras.initializers.RandomUniform,
    keras.initializers.TruncatedNormal,
)


def reseeded(initializer, index):
    """Returns the initializer of one kernel of several; a seeded one keeps its seed at index 0.

    Keras' initializers return the same values at each use. A seeded one gets a separate seed per index. An
    unseeded one is rebuilt, as in Keras' attention layers, so kernels are drawn independently.
    """
    config = initializer.get_config() if isinstance(initializer, keras.initializers.Initializer) else {}
    if "seed" not in config:
        return initializer
    if config["seed"] is None:
        return type(initializer).from_config(config)
    # A seed generator draws new values at each use.
    if index == 0 or not isinstance(initializer.seed, int):
        return initializer
    derived = int(np.random.SeedSequence([initializer.seed, index]).generate_state(1)[0] >> 1)
    return type(initializer).from_config({**config, "seed": derived})


def untied(initializer, count, shape, dtype=None):
    """Returns `count` kernels of `shape`, each with the distribution of a single kernel.

    Args:
        initializer: A Keras initializer, or a function of shape and dtype.
        count: Number of kernels.
        shape: `(*kernel_size, channels, filters)`, at least one spatial axis.
        dtype: Dtype of the result.

    Returns:
        Tensor `(count, *shape)`.
    """
    if type(initializer).__call__ is keras.initializers.VarianceScaling.__call__:
        # One draw. Keras counts all leading axes as taps, so every fan is `count` times too large.
        config = {"scale": initializer.scale * count, "mode": initializer.mode, "seed": initializer.seed}
        scaled = keras.initializers.VarianceScaling(distribution=initializer.distribution, **config)
        return scaled((count, *shape), dtype=dtype)
    if type(initializer) in _ELEMENTWISE:
        return initializer((count, *shape), dtype=dtype)
    return ops.stack([reseeded(initializer, index)(shape, dtype=dtype) for index in range(count)])


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class ExactConstant(keras.initializers.Constant):
    """`keras.initializers.Constant` whose value is not rounded to float32 if the weight is float64."""

    def __call__(self, shape, dtype=None):
        dtype = keras.backend.standardize_dtype(dtype or keras.config.floatx())
        return ops.full(shape, self.value, dtype=dtype)
