"""Gradient penalty of a Wasserstein GAN's critic."""

import keras
from keras import ops

from keras_cnn_zoo.ops import statistics
from keras_cnn_zoo.ops.norms import l2_norm
from keras_cnn_zoo.utils import shapes, validation
from keras_cnn_zoo.utils.autodiff import value_and_gradients
from keras_cnn_zoo.utils.dtypes import at_least_float32


def gradient_penalty(critic, real, fake, *, factor=10.0, seed=None):
    """Returns a penalty that keeps the slope of a critic near 1 between real and generated examples.

    It is `factor * mean((|gradient of critic at x| - 1)^2)`, where each `x` is a random point between a real
    and a generated example. Add it to the critic's loss, `GANLoss("wasserstein").discriminator`, in the
    training step or in `compute_loss`. Its second-order gradient reaches the weights of `critic`, but not the
    two batches. An example's logit must depend on that example only: a critic may contain layer
    normalization, but not batch normalization.

    On JAX, state that `critic` updates, such as seeds of its dropout, does not change.

    Reference: Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville, 2017, "Improved Training of Wasserstein GANs",
    arXiv 1704.00028.

    Args:
        critic: Function or model from a batch of examples to logits, `(batch, ...)`. Several logits per
            example are summed.
        real: Real examples, `(batch, ...)`.
        fake: Generated examples in the same shape.
        factor: Weight of the penalty, at least 0, the paper's lambda. Defaults to 10.
        seed: `keras.random.SeedGenerator` to draw from, or None for Keras' global one, which does not work in
            a compiled step on JAX. An integer draws the same numbers in every call. Defaults to None.

    Returns:
        The penalty, a scalar in at least float32.

    Raises:
        ValueError: for a negative `factor`, or examples of different shapes.

    Example:

    >>> real, fake = np.ones((2, 4)), np.zeros((2, 4))
    >>> critic = lambda x: keras.ops.sum(x, axis=-1)  # its slope is |(1, 1, 1, 1)| = 2
    >>> float(gradient_penalty(critic, real, fake, factor=1.0))
    1.0
    """
    factor = validation.finite_number("factor", factor, minimum=0)
    real = ops.stop_gradient(ops.convert_to_tensor(real))
    fake = ops.stop_gradient(ops.convert_to_tensor(fake))
    if len(real.shape) < 2 or not shapes.agree(real.shape, fake.shape):
        raise ValueError(
            "`real` and `fake` must have the same shape, (batch, ...) with at least two axes. "
            f"Received: real.shape={tuple(real.shape)}, fake.shape={tuple(fake.shape)}"
        )
    dtype = at_least_float32(real.dtype)
    real, fake = ops.cast(real, dtype), ops.cast(fake, dtype)
    batch = ops.shape(real)[0]
    share = keras.random.uniform((batch, *[1] * (len(real.shape) - 1)), dtype=dtype, seed=seed)
    between = fake + share * (real - fake)
    _, (slopes,), _ = value_and_gradients(
        lambda x: ops.sum(ops.cast(critic(x), dtype)), [between], higher_order=True
    )
    lengths = l2_norm(ops.reshape(slopes, (batch, -1)))
    return factor * statistics.mean(ops.square(lengths - 1), (0,))
