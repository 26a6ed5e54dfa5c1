"""Bases of the losses: conversion of the targets, and reduction in the dtype of the loss."""

import abc

import keras
from keras import ops

from keras_cnn_zoo.ops.class_ids import LEFT_OUT, as_labels
from keras_cnn_zoo.utils.dtypes import at_least_float32


class BaseLoss(keras.losses.Loss, abc.ABC):
    """A loss that reduces like Keras' losses, but in its own dtype and for an empty batch too.

    Keras' division is in float32 on PyTorch, and Keras returns no scalar for an empty batch.
    """

    def __call__(self, y_true, y_pred, sample_weight=None):
        with keras.name_scope(self.name):
            targets, counted = self.prepared(y_true)
            scores = keras.tree.map_structure(self._in_own_dtype, y_pred)
            losses = self.call(targets, scores)
            return ops.cast(self._reduced(losses, counted, y_pred, sample_weight), self.dtype)

    def prepared(self, y_true):
        """Returns the targets for `call`, and a mask of the losses that count, or None.

        The mask has as many entries as there are losses. `call` gives 0 for those that do not count.
        """
        return keras.tree.map_structure(self._in_own_dtype, y_true), None

    @abc.abstractmethod
    def call(self, y_true, y_pred):
        """Returns the loss of each example, or of each of its positions."""

    def _in_own_dtype(self, array):
        return ops.convert_to_tensor(array, dtype=self.dtype)

    def _reduced(self, losses, counted, y_pred, sample_weight):
        """Returns the reduced loss, in at least float32.

        Keras multiplies by the weights and the mask of `y_pred`, which it keeps where only it finds it. The
        division is done here: for the means by the number of losses that count, or by the sum of the weights.
        """
        dtype = at_least_float32(self.dtype)
        weigh = _Weighted(reduction=None, dtype=dtype)
        losses = ops.cast(losses, dtype)
        weighted = weigh(losses, y_pred, sample_weight)
        if self.reduction in (None, "none") or not weighted.shape:
            return weighted
        total = ops.sum(weighted)
        if self.reduction == "sum":
            return total
        counts = ops.ones_like(losses) if counted is None else _like(counted, losses)
        if self.reduction == "mean_with_sample_weight" and sample_weight is not None:
            if counted is None:
                # Keras sums the weights as they were given, not repeated for each loss.
                counts = ops.ones_like(ops.convert_to_tensor(sample_weight, dtype=dtype))
            divisor = ops.sum(weigh(counts, y_pred, sample_weight))
        else:
            counts = weigh(counts, y_pred)
            # Weights with more entries than there are losses repeat each loss.
            divisor = ops.sum(counts) * (_size(weighted, dtype) / _at_least_one(_size(counts, dtype)))
        mean = total / ops.where(ops.equal(divisor, 0), ops.ones_like(divisor), divisor)
        return mean * _share_of_a_replica(dtype)


class BaseClassLoss(BaseLoss):
    """A loss whose targets are class ids: integers stay integers, and -1 leaves an example out.

    Keras' base casts targets to the dtype of the loss, in which ids from 2^24 on (float32) or from 257 on
    (bfloat16) are equal to others.
    """

    def prepared(self, y_true):
        labels = as_labels(y_true)
        return labels, ops.not_equal(ops.cast(labels, "int32"), LEFT_OUT)


class _Weighted(keras.losses.Loss):
    """Values, given as `y_true`, times the weights and the mask of `y_pred`, by Keras' rules for shapes."""

    def call(self, y_true, y_pred):
        return y_true


def _like(mask, values):
    return ops.reshape(ops.cast(mask, values.dtype), ops.shape(values))


def _size(tensor, dtype):
    return ops.convert_to_tensor(ops.size(tensor), dtype=dtype)


def _at_least_one(number):
    return ops.where(number > 1, number, ops.ones_like(number))


def _share_of_a_replica(dtype):
    """Returns 1 / replicas under TensorFlow's distribution strategies, by which Keras multiplies a mean."""
    if keras.backend.backend() != "tensorflow":
        return 1.0
    one = ops.ones((1,), dtype=dtype)
    return _Weighted(reduction="sum_over_batch_size", dtype=dtype)(one, one)
