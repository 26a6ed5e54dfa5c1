"""The objective of Deep LDA: eigenvalues of linear discriminant analysis."""

import math

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.losses.base_loss import BaseClassLoss
from keras_cnn_zoo.losses.embeddings import labeled_embeddings
from keras_cnn_zoo.ops.counting import at_least_one
from keras_cnn_zoo.utils import validation


def lda(y_true, y_pred, epsilon=1.0, regularization=1e-3):
    """Returns the Deep LDA loss of a batch; see `LDA`.

    Args:
        y_true: Class ids, `(batch,)` or `(batch, 1)`; -1 leaves an example out.
        y_pred: Embeddings, `(batch, dim)`.
        epsilon: Eigenvalues up to the smallest plus this are maximized. Defaults to 1.
        regularization: Added to the diagonal of the scatter within classes. Defaults to 1e-3.

    Returns:
        `(batch,)` in at least float32, the loss of the batch in every entry; 0 for a batch of one class, or
        if no class has two examples.

    Raises:
        ValueError: for an `epsilon` below 0, a `regularization` that is not positive, incompatible shapes, or
            labels outside of that range.
    """
    epsilon = validation.finite_number("epsilon", epsilon, minimum=0)
    regularization = validation.finite_number("regularization", regularization, above=0)
    labels, embeddings = labeled_embeddings(y_true, y_pred)
    if embeddings.shape[0] == 0:  # Backends refuse the largest of no numbers.
        return ops.sum(embeddings, axis=-1)
    batch, dim = ops.shape(embeddings)[0], embeddings.shape[1]
    within, between, classes, spread_classes, scale = _scatters(labels, embeddings, regularization)
    within = within + ops.eye(dim, dtype=within.dtype) * _ridge(within, regularization, scale)
    vectors = _generalized_eigenvectors(ops.stop_gradient(between), ops.stop_gradient(within))
    # Rayleigh quotients of constant eigenvectors have the eigenvalues' value and gradient. The gradient of
    # the decomposition itself would divide by differences of eigenvalues, which may be 0.
    eigenvalues = _quadratic_forms(vectors, between) / _quadratic_forms(vectors, within)
    # They ascend, and `classes` means span classes - 1 directions.
    leading = ops.cast(ops.arange(dim), eigenvalues.dtype) >= dim - (classes - 1)
    largest = ops.max(ops.abs(ops.stop_gradient(eigenvalues)))
    smallest = ops.min(ops.where(leading, ops.stop_gradient(eigenvalues), largest))
    # NaN is chosen: XLA makes a selection of the product below, so 0 times NaN would be 0.
    chosen = ops.logical_and(leading, ops.logical_not(eigenvalues > smallest + epsilon))
    chosen = ops.cast(chosen, eigenvalues.dtype)
    number = ops.sum(chosen)
    loss = -ops.sum(eigenvalues * chosen) / at_least_one(number)
    valid = ops.logical_and(classes > 1.5, spread_classes > 0.5)
    return labels.mark(ops.broadcast_to(ops.where(valid, loss, ops.zeros_like(loss)), (batch,)))


def _scatters(labels, embeddings, regularization):
    """Returns the scatter within and between classes, two numbers of classes, and the embeddings' scale.

    The scatter within is the mean of the classes' unbiased covariances. The scatter between is the total
    covariance minus the scatter within. The numbers count all classes, and those with two or more examples.
    """
    dtype = embeddings.dtype
    # (batch, 1): 0 for examples that are left out.
    counted = ops.cast(labels.counted, dtype)[:, None]
    batch = ops.sum(counted)
    same = ops.cast(ops.equal(labels.ids[:, None], labels.ids[None, :]), dtype) * counted
    sizes = at_least_one(ops.sum(same, axis=-1, keepdims=True))
    classes = ops.round(ops.sum(counted / sizes))
    several = ops.cast(sizes > 1.5, dtype) * counted
    spread_classes = ops.round(ops.sum(several / sizes))
    mean = ops.sum(embeddings * counted, axis=0, keepdims=True) / at_least_one(batch)
    centered = (embeddings - mean) * counted
    # Dividing everything by one number does not change the eigenvalues, so it may be a constant. With this
    # number neither the embeddings nor the regularization overflow.
    scale = ops.max(ops.abs(ops.stop_gradient(centered)))
    least = math.sqrt(regularization)
    scale = ops.where(scale > least, scale, ops.full_like(scale, least))
    centered = centered / scale
    apart = centered - ops.einsum("ij,jd->id", same / sizes, centered)
    weights = several / at_least_one(sizes - 1) / at_least_one(spread_classes)
    within = ops.einsum("id,ie->de", apart * weights, apart)
    total = ops.einsum("id,ie->de", centered, centered) / at_least_one(batch - 1)
    return within, total - within, classes, spread_classes, scale


def _ridge(within, regularization, scale):
    """Returns `regularization` in the scale of the matrix, plus what rounding may have removed from it."""
    info = np.finfo(keras.backend.standardize_dtype(within.dtype))
    rounding = float(info.eps) * ops.trace(ops.stop_gradient(within)) + float(info.tiny)
    return regularization / scale / scale + rounding


def _generalized_eigenvectors(between, within):
    """Returns columns v with between v = value * within v, in ascending order of the values."""
    # TensorFlow and PyTorch refuse to decompose matrices that are not finite, but the loss must be NaN then.
    finite = ops.logical_and(ops.all(ops.isfinite(between)), ops.all(ops.isfinite(within)))
    between = ops.where(finite, between, ops.zeros_like(between))
    within = ops.where(finite, within, ops.eye(within.shape[0], dtype=within.dtype))
    sizes, axes = ops.linalg.eigh(within)
    rounding = ops.max(sizes) * float(np.finfo(keras.backend.standardize_dtype(sizes.dtype)).eps)
    whitening = axes / ops.sqrt(ops.where(sizes > rounding, sizes, rounding))
    _, axes = ops.linalg.eigh(ops.einsum("di,de,ej->ij", whitening, between, whitening))
    return ops.einsum("di,ij->dj", whitening, axes)


def _quadratic_forms(vectors, matrix):
    return ops.sum(vectors * ops.einsum("de,ej->dj", matrix, vectors), axis=0)


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class LDA(BaseClassLoss):
    """Deep LDA loss, which spreads classes along the directions of linear discriminant analysis.

    Let `S_w` be the mean covariance within classes and `S_b` the total covariance minus `S_w`. The
    eigenvalues `v` of `S_b e = v (S_w + regularization * I) e` measure how well each direction `e` separates
    the classes. Of the largest `classes - 1`, the loss is minus the mean of those up to `min(v) + epsilon`,
    so the directions that separate worst improve first. After training, classify with a linear discriminant
    analysis of the embeddings. Batches need many examples of every class, and more than `dim` in total. Only
    `regularization` bounds the loss when classes shrink to points.

    Only first derivatives are correct: the eigenvectors count as constants, which does not change the
    gradient of an eigenvalue. If eigenvalues coincide, the gradient is that of one choice of eigenvectors.

    The loss is coupled across the batch: every entry is the loss of the whole batch, and 0 for one class or
    without a class of two examples. With several replicas, each computes the loss of its part.

    Squares overflow: in float32, magnitudes above 1e18 are out of range, and those below 1e-18 count as
    0.

    Reference: Dorfer, Kelz, Widmer, 2016, "Deep Linear Discriminant Analysis", arXiv 1511.04707.

    Differs from the paper: the number of classes is that of the batch. A class of one example has no
    covariance and is left out of `S_w`, but not of the total. `regularization` is increased by the possible
    rounding error of `S_w`. The defaults are those of the authors' code.

    Args:
        epsilon: Eigenvalues up to the smallest plus this are maximized. Defaults to 1.
        regularization: Added to the diagonal of the scatter within classes, in squared units of the
            embeddings. Defaults to 1e-3.
        reduction: Keras' reduction over the batch. Defaults to `"sum_over_batch_size"`, the mean.
        name: Name of the loss.
        dtype: Dtype of the computation, or None for Keras' float type. Class ids stay integers.

    Call arguments:
        y_true: Class ids from 0 to 2^31 - 1, `(batch,)` or `(batch, 1)`. -1 leaves an example
            out, and the mean is over the others. Other labels are refused, or give NaN in compiled code. The
            integers of JAX have 32 bits: a larger id in a tensor has become another number before the loss.
        y_pred: Embeddings, `(batch, dim)`.

    Raises:
        ValueError: for an `epsilon` below 0, a `regularization` that is not positive, incompatible shapes, or
            labels outside of that range.

    >>> loss = LDA(regularization=0.5)
    >>> float(loss(np.array([0, 0, 1, 1]), np.array([[-2.0], [-1.0], [1.0], [2.0]])))
    -2.83333...
    """

    def __init__(
        self,
        *,
        epsilon=1.0,
        regularization=1e-3,
        reduction="sum_over_batch_size",
        name="lda",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.epsilon = validation.finite_number("epsilon", epsilon, minimum=0)
        self.regularization = validation.finite_number("regularization", regularization, above=0)

    def call(self, y_true, y_pred):
        return ops.cast(lda(y_true, y_pred, self.epsilon, self.regularization), self.dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "epsilon": self.epsilon,
            "regularization": self.regularization,
            "dtype": self.dtype,
        }


# Many people search for the paper's name of the method. Saved files contain the original name.
DeepLDA = LDA
