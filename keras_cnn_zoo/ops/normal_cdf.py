"""The distribution function of the normal distribution, from operations that every export format has."""

import math

from keras import ops

SATURATED = 40.0  # From here on, the function is 0 or 1 in float64 too.
TINY = 1e-20  # Below this, it is 1/2, and half of this is still a normal number in float32.


def normal_cdf(scaled):
    """Returns the probability that a standard normal variable is below `scaled`, in its dtype.

    It is `gelu(x) / x`: LiteRT has an operation for `gelu`, which its converter finds in this form, but none
    for `erf`. (`ops.gelu` on TensorFlow divides by a root of 2 in float32.) The factors without gradient
    cancel, so that the gradient is the density.

    Args:
        scaled: float32 or float64 tensor; may be infinite.
    """
    # Neither infinity nor 0 may be divided by itself.
    near = ops.clip(scaled, -SATURATED, SATURATED)
    near = near + TINY * ops.cast(ops.abs(near) < TINY, near.dtype)
    factor = ops.stop_gradient(near)
    return 0.5 * factor * (1 + ops.erf(near * math.sqrt(0.5))) / factor
