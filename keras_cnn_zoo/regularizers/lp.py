"""Lp-norm penalty on weights."""

import keras
from keras import ops

from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.dtypes import at_least_float32


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class Lp(keras.regularizers.Regularizer):
    """Penalty on the p-th power of the lp norm of the weights.

    It is `factor * sum(abs(w) ** p)` for `p >= 1`: `p=1` is `keras.regularizers.L1`, and `p=2` is
    `keras.regularizers.L2`. For `p < 1`, where the slope at 0 is infinite, `abs(w) ** p` is replaced by the
    smooth `(w ** 2 + epsilon ** 2) ** (p / 2) - epsilon ** p`, which is 0 at 0 and differs little above
    `epsilon`. A smaller `p` makes the weights sparser. Below 1 the penalty is not convex.

    Reference: section 3.5.1 of the survey (lp-norm regularization, R = sum of the norms to the power p); the
    smoothing for p < 1 is that of Chartrand, Yin, 2008, "Iteratively Reweighted Algorithms for Compressive
    Sensing" (ICASSP).

    Args:
        factor: Non-negative weight of the penalty. Defaults to 0.01.
        p: Positive exponent.
        epsilon: For `p < 1`, weights well below this count as zero; at least 1e-12, unused for `p >= 1`.
            Defaults to 1e-3.

    Call arguments:
        x: A weight tensor.

    Raises:
        ValueError: for an argument outside its range.

    >>> regularizer = Lp(factor=0.5, p=3)
    >>> float(regularizer(np.array([1.0, -2.0])))
    4.5
    """

    def __init__(self, factor=0.01, *, p, epsilon=1e-3):
        self.factor = validation.finite_number("factor", factor, minimum=0)
        self.p = validation.finite_number("p", p, above=0)
        self.epsilon = validation.finite_number("epsilon", epsilon, minimum=1e-12)

    def __call__(self, x):
        x = ops.convert_to_tensor(x)
        x = ops.cast(x, at_least_float32(x.dtype))
        if self.p < 1:
            powers = _smooth_power(x, self.p, self.epsilon)
        elif self.p == 1:
            powers = x * ops.sign(x)  # Not `abs`, whose gradient at 0 is 1 on JAX.
        elif self.p == 2:
            powers = ops.square(x)
        else:
            powers = ops.abs(x) ** self.p  # `keras.ops.power` rounds `p` to float32 on PyTorch.
        return self.factor * ops.sum(powers)

    def get_config(self):
        return {"factor": self.factor, "p": self.p, "epsilon": self.epsilon}


def _smooth_power(x, p, epsilon):
    """Returns `(x ** 2 + epsilon ** 2) ** (p / 2) - epsilon ** p`, also if the squares would overflow.

    Both terms are divided by the larger of the two numbers, whose gradient cancels.
    """
    least = epsilon * ops.ones_like(x)
    size = ops.stop_gradient(ops.abs(x))
    scale = ops.where(size > least, size, least)
    return scale**p * (ops.square(x / scale) + ops.square(least / scale)) ** (p / 2) - least**p
