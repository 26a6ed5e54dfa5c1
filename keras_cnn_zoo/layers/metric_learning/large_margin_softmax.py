"""Large-margin softmax: the last layer of a classifier, with an angular margin in training."""

import math

import keras
from keras import ops

from keras_cnn_zoo.ops import affine
from keras_cnn_zoo.ops.class_ids import as_labels, class_ids, nan_where
from keras_cnn_zoo.ops.norms import l2_norm
from keras_cnn_zoo.utils import docstrings, validation
from keras_cnn_zoo.utils.dtypes import at_least_float32


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
@docstrings.filled
class LargeMarginSoftmax(keras.layers.Layer):
    """Logits with a multiplicative angular margin for the true class in training.

    Use it as the last layer, with a softmax cross-entropy from logits. Its logits are those of a dense layer
    without bias, `|w_j| |x| cos(angle_j)`. In training with labels, the logit of the true class becomes
    `|w_y| |x| psi(angle_y)` with

        psi(angle) = (-1)^k cos(margin * angle) - 2k   for k pi <= margin * angle <= (k + 1) pi

    which is continuous, decreases from 1 to `1 - 2 * margin`, and is at most `cos(angle)`. Training from
    scratch with it is hard, so it is mixed with the plain logit, `(lambda * plain + margined) / (1 +
    lambda)`, where `lambda` decreases with the number `t` of training calls so far:

        lambda = max(annealing_end, annealing_start * (1 + annealing_rate * t) ^ -annealing_power)

    By default it decreases from 1000 to 1 in 8,700 steps. `annealing_start=0` applies the full margin at
    once, which works for easy data sets; hard ones may need an `annealing_end` of 5 or 10.

    Reference: Liu, Wen, Yu, Yang, 2016, "Large-Margin Softmax Loss for Convolutional Neural Networks", arXiv
    1612.02295; equations (18) and (19) of the survey. The schedule is that of the authors' code.

    Args:
        units: Number of classes.
        margin: Positive integer, the paper's m; 1 is a dense layer without bias. Defaults to 4.
        annealing_start: `lambda` at the first training call, at least 0. Defaults to 1000.
        annealing_rate: How much each call adds to the base of the power, at least 0. Defaults to 2.5e-5.
        annealing_power: Exponent of the decrease, at least 0. Defaults to 35.
        annealing_end: Smallest `lambda`, at least 0. Defaults to 0.
        kernel_initializer: Initializer of the kernel, `(features, units)`. Defaults to `"glorot_uniform"`.
        kernel_regularizer: Regularizer of the kernel, or None.
        kernel_constraint: Constraint of the kernel, or None.
        {kwargs}

    Call arguments:
        features: A floating-point tensor.
        labels: Class ids from 0 to `units - 1`, `(batch,)` or `(batch, 1)`, or None. -1 gets no margin. Other
            labels are refused, or give NaN in compiled code.
        training: Whether to apply the margin and count the call. Without labels or outside training, the
            logits are plain.

    Input shape:
        `(batch, features)`.

    Output shape:
        `(batch, units)`.

    Raises:
        ValueError: for an argument outside its range, features that are not of rank 2, labels that are not
            one per example, or labels outside of the classes.

    >>> layer = LargeMarginSoftmax(2, margin=2, annealing_start=0, kernel_initializer="identity")
    >>> logits = layer(np.array([[0.5, 0.75**0.5]]), labels=np.array([0]), training=True)
    >>> [round(float(logit), 3) for logit in logits[0]]  # cos(60 degrees) became cos(120 degrees)
    [-0.5, 0.866]
    """

    def __init__(
        self,
        units,
        *,
        margin=4,
        annealing_start=1000.0,
        annealing_rate=2.5e-5,
        annealing_power=35.0,
        annealing_end=0.0,
        kernel_initializer="glorot_uniform",
        kernel_regularizer=None,
        kernel_constraint=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = validation.positive_integer("units", units)
        self.margin = validation.positive_integer("margin", margin)
        self.annealing_start = validation.finite_number("annealing_start", annealing_start, minimum=0)
        self.annealing_rate = validation.finite_number("annealing_rate", annealing_rate, minimum=0)
        self.annealing_power = validation.finite_number("annealing_power", annealing_power, minimum=0)
        self.annealing_end = validation.finite_number("annealing_end", annealing_end, minimum=0)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.kernel_constraint = keras.constraints.get(kernel_constraint)

    def build(self, input_shape):
        if len(input_shape) != 2 or input_shape[-1] is None:
            raise ValueError(
                "The inputs must have the shape (batch, features), with a known number of features. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            name="kernel",
        )
        # A float32 counts exactly to 16 million and, unlike an integer, can be placed on a GPU.
        self.step = self.add_weight(
            shape=(),
            initializer="zeros",
            dtype="float32",
            autocast=False,
            trainable=False,
            aggregation="only_first_replica",
            name="step",
        )
        self.built = True

    def call(self, features, labels=None, training=False):
        kernel = ops.convert_to_tensor(self.kernel)
        logits = affine.dense(features, kernel)
        if labels is None:
            return logits
        labels = as_labels(labels, "labels")
        if len(labels.shape) not in (1, 2) or tuple(labels.shape[1:]) not in ((), (1,)):
            raise ValueError(
                "`labels` must have the shape (batch,) or (batch, 1). "
                f"Received: labels.shape={tuple(labels.shape)}"
            )
        if not training:
            return logits
        labels = class_ids(ops.reshape(labels, (-1, 1)), self.units, name="labels")
        mixed = self._mixed(features, kernel, logits, labels.ids)
        if labels.refused is not None:
            mixed = mixed * nan_where(labels.refused, mixed.dtype)
        self.step.assign_add(1)
        return mixed

    def _mixed(self, features, kernel, logits, labels):
        """Returns the logits, with margin for the true class."""
        # features (batch, n), kernel (n, units), logits (batch, units), labels (batch, 1)
        # -> mask of the true class (batch, units) -> its logit, length, and cosine (batch,)
        # -> psi of the cosine, mixed with the plain logit (batch,) -> logits (batch, units)
        dtype = at_least_float32(self.compute_dtype)
        own = ops.equal(labels, ops.arange(self.units, dtype="int32"))
        plain = _picked(own, ops.cast(logits, dtype))
        # An id of -1 selects nothing; `where` discards its result.
        length = _picked(own, l2_norm(kernel, axis=0)[None]) * l2_norm(features)
        cosine = plain / ops.where(length <= 0, ops.ones_like(length), length)
        weight = self._weight_of_plain(dtype)
        mixed = (weight * plain + length * _psi(cosine, self.margin)) / (1 + weight)
        return ops.where(own, ops.cast(mixed, logits.dtype)[:, None], logits)

    def _weight_of_plain(self, dtype):
        """Returns the paper's lambda at this step."""
        base = 1 + self.annealing_rate * ops.cast(self.step, dtype)
        weight = self.annealing_start * base**-self.annealing_power
        return ops.where(weight <= self.annealing_end, self.annealing_end * ops.ones_like(weight), weight)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def get_config(self):
        return {
            **super().get_config(),
            "units": self.units,
            "margin": self.margin,
            "annealing_start": self.annealing_start,
            "annealing_rate": self.annealing_rate,
            "annealing_power": self.annealing_power,
            "annealing_end": self.annealing_end,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
            "kernel_constraint": keras.constraints.serialize(self.kernel_constraint),
        }


def _picked(own, values):
    """Returns the entry of each row of `values` that the mask `own` selects, `(batch,)`."""
    return ops.sum(ops.where(own, values, ops.zeros_like(values)), axis=-1)


def _psi(cosine, margin):
    """Returns `(-1)^k cos(margin * angle) - 2k`, computed from `cosine = cos(angle)`.

    Chebyshev's recurrence avoids the arc cosine, whose gradient is infinite at -1 and 1. It also accepts a
    cosine that rounding moved slightly outside [-1, 1].
    """
    before, multiple = ops.ones_like(cosine), cosine
    for _ in range(margin - 1):
        before, multiple = multiple, 2 * cosine * multiple - before
    turns, sign = ops.zeros_like(cosine), ops.ones_like(cosine)
    for k in range(1, margin):
        passed = cosine < math.cos(math.pi * k / margin)
        turns = ops.where(passed, turns + 1, turns)
        sign = ops.where(passed, -sign, sign)
    return sign * multiple - 2 * turns
