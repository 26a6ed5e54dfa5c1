"""Expectations under a Gaussian."""

import math

import keras
import numpy as np
from keras import ops

# Activations of a whole vector of units. Their mean does not follow from the Gaussian of one unit.
JOINT_ACTIVATIONS = ("softmax", "log_softmax", "sparsemax", "glu")
NODES, NODE_WEIGHTS = np.polynomial.hermite_e.hermegauss(32)
NODE_WEIGHTS = NODE_WEIGHTS / NODE_WEIGHTS.sum()


def is_joint(activation):
    """Returns whether a Keras activation is not elementwise."""
    return getattr(activation, "__name__", None) in JOINT_ACTIVATIONS


def deviation(variance):
    """Returns the root of a variance and where it is positive; elsewhere the root is a constant 1."""
    wide = variance > 0
    return ops.sqrt(ops.where(wide, variance, ops.ones_like(variance))), wide


def expected_activation(activation, mean, variance):
    """Returns the mean of `activation(u)` for Gaussian `u`: in closed form for ReLU, else by quadrature.

    Args:
        activation: Elementwise activation function, or None.
        mean: Mean of `u`, in at least float32.
        variance: Variance of `u`, at least 0, of the shape and dtype of `mean`.
    """
    if activation in (None, keras.activations.linear):
        return mean
    scale, wide = deviation(variance)
    if activation is keras.activations.relu:
        scaled = mean / scale
        below = (1 + ops.erf(scaled / math.sqrt(2))) / 2
        density = ops.exp(-ops.square(scaled) / 2) / math.sqrt(2 * math.pi)
        expected = mean * below + scale * density
    else:
        expected = sum(
            float(weight) * activation(mean + float(node) * scale)
            for node, weight in zip(NODES, NODE_WEIGHTS, strict=True)
        )
    return ops.where(wide, expected, activation(mean))
