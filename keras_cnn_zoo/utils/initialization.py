"""Initial values of several kernels that one initializer is to fill."""

import keras
import numpy as np
from keras import ops

# Each value is drawn by itself, whatever the shape around it.
_ELEMENTWISE = (
    keras.initializers.Zeros,
    keras.initializers.Ones,
    keras.initializers.Constant,
    keras.initializers.RandomNormal,
    keras.initializers.RandomUniform,
    keras.initializers.TruncatedNormal,
)


def reseeded(initializer, index):
    """The initializer of one kernel of several; that of index 0 is `initializer` itself.

    A seeded one, which would repeat its values, gets a seed of its own.
    """
    seed = getattr(initializer, "seed", None)
    if index == 0 or not isinstance(seed, int):
        return initializer
    derived = int(np.random.SeedSequence([seed, index]).generate_state(1)[0] >> 1)
    return type(initializer).from_config({**initializer.get_config(), "seed": derived})


def untied(initializer, count, shape, dtype=None):
    """`count` kernels of `shape`, each with the values that it would have by itself.

    Args:
        initializer: A Keras initializer, or a function of shape and dtype.
        count: Number of kernels.
        shape: `(*kernel_size, channels, filters)`, at least one spatial axis.
        dtype: Dtype of the result.

    Returns:
        Tensor `(count, *shape)`.
    """
    if type(initializer).__call__ is keras.initializers.VarianceScaling.__call__:
        # One draw: Keras takes all leading axes for taps, which makes every fan `count` times too large.
        config = {"scale": initializer.scale * count, "mode": initializer.mode, "seed": initializer.seed}
        scaled = keras.initializers.VarianceScaling(distribution=initializer.distribution, **config)
        return scaled((count, *shape), dtype=dtype)
    if type(initializer) in _ELEMENTWISE:
        return initializer((count, *shape), dtype=dtype)
    return ops.stack([reseeded(initializer, index)(shape, dtype=dtype) for index in range(count)])
