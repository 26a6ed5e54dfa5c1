"""The objective of Deep LDA: eigenvalues of linear discriminant analysis."""

import math

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.losses.embeddings import labelled_embeddings
from keras_cnn_zoo.ops.counting import at_least_one
from keras_cnn_zoo.utils import validation


def lda(y_true, y_pred, epsilon=1.0, regularization=1e-3):
    """Deep LDA's loss of a batch; see `LDA`.

    Args:
        y_true: Class ids, `(batch,)` or `(batch, 1)`.
        y_pred: Embeddings, `(batch, dim)`.
        epsilon: Eigenvalues up to the smallest one plus this are maximized. Defaults to 1.
        regularization: Added to the diagonal of the scatter within classes. Defaults to 1e-3.

    Returns:
        `(batch,)` in at least float32, the loss of the batch in every entry; 0 for a batch of one class, or
        one where no class has two examples.

    Raises:
        ValueError: for an `epsilon` below 0, a `regularization` that is not positive, or shapes that do not
            go together.
    """
    epsilon = validation.finite_number("epsilon", epsilon, minimum=0)
    regularization = validation.finite_number("regularization", regularization, above=0)
    labels, embeddings = labelled_embeddings(y_true, y_pred)
    batch, dim = ops.shape(embeddings)[0], embeddings.shape[1]
    within, between, classes, spread_classes, scale = _scatters(labels, embeddings, regularization)
    within = within + ops.eye(dim, dtype=within.dtype) * _ridge(within, regularization, scale)
    vectors = _generalized_eigenvectors(ops.stop_gradient(between), ops.stop_gradient(within))
    # Rayleigh quotients of constant eigenvectors have the eigenvalues' value and gradient. The gradient of
    # the decomposition itself divides by differences of eigenvalues, which may be equal.
    eigenvalues = _quadratic_forms(vectors, between) / _quadratic_forms(vectors, within)
    # They ascend; between `classes` means there are classes - 1 directions.
    leading = ops.cast(ops.arange(dim), eigenvalues.dtype) >= dim - (classes - 1)
    largest = ops.max(ops.abs(ops.stop_gradient(eigenvalues)))
    smallest = ops.min(ops.where(leading, ops.stop_gradient(eigenvalues), largest))
    chosen = ops.logical_and(leading, eigenvalues <= smallest + epsilon)
    chosen = ops.cast(chosen, eigenvalues.dtype)
    number = ops.sum(chosen)
    loss = -ops.sum(eigenvalues * chosen) / at_least_one(number)
    valid = ops.logical_and(classes > 1.5, spread_classes > 0.5)
    return ops.broadcast_to(ops.where(valid, loss, ops.zeros_like(loss)), (batch,))


def _scatters(labels, embeddings, regularization):
    """Scatter within and between classes, numbers of classes, and what the embeddings were divided by.

    The covariances of all classes, each from its own mean and with one degree of freedom less, count alike.
    The scatter between classes is the total covariance less that within.
    """
    dtype = embeddings.dtype
    batch = ops.cast(ops.shape(embeddings)[0], dtype)
    same = ops.cast(ops.equal(labels[:, None], labels[None, :]), dtype)
    sizes = ops.sum(same, axis=-1, keepdims=True)
    classes = ops.round(ops.sum(1 / sizes))
    several = ops.cast(sizes > 1.5, dtype)
    spread_classes = ops.round(ops.sum(several / sizes))
    centred = embeddings - ops.sum(embeddings, axis=0, keepdims=True) / batch
    # Eigenvalues do not change when everything is divided by one number, which may then be held constant. By
    # this one neither the embeddings nor the regularization overflow.
    scale = ops.max(ops.abs(ops.stop_gradient(centred)))
    least = math.sqrt(regularization)
    scale = ops.where(scale > least, scale, ops.full_like(scale, least))
    centred = centred / scale
    apart = centred - ops.einsum("ij,jd->id", same / sizes, centred)
    weights = several / at_least_one(sizes - 1) / at_least_one(spread_classes)
    within = ops.einsum("id,ie->de", apart * weights, apart)
    total = ops.einsum("id,ie->de", centred, centred) / at_least_one(batch - 1)
    return within, total - within, classes, spread_classes, scale


def _ridge(within, regularization, scale):
    """`regularization` in the scale of the matrix, and no less than what rounding may have taken from it."""
    info = np.finfo(keras.backend.standardize_dtype(within.dtype))
    rounding = float(info.eps) * ops.trace(ops.stop_gradient(within)) + float(info.tiny)
    return regularization / scale / scale + rounding


def _generalized_eigenvectors(between, within):
    """Columns v with between v = value * within v, the values ascending."""
    # TensorFlow and PyTorch refuse to decompose what is not finite; the loss is to be NaN then.
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
class LDA(keras.losses.Loss):
    """Spreads classes apart along every direction in which linear discriminant analysis can tell them apart.

    With `S_w` the mean covariance within classes and `S_b` the total covariance less `S_w`, the eigenvalues
    `v` of `S_b e = v (S_w + regularization * I) e` say how well each direction `e` separates the classes. Of
    the largest `classes - 1` of them the loss is minus the mean of those up to `min(v) + epsilon`: the
    directions that separate worst are widened first. After training, a linear discriminant analysis of the
    embeddings classifies. It falls without bound as classes shrink to points (`regularization` bounds it),
    and needs batches with many examples of every class, more than `dim` in all.

    Only first derivatives are right: the eigenvectors count as constants, which changes no eigenvalue's
    gradient. Where eigenvalues coincide the gradient is that of one choice of their eigenvectors.

    Coupled across the batch: every entry is the loss of the batch, 0 for a batch of one class or without a
    class of two examples, and on several replicas each replica's own.

    Reference: Dorfer, Kelz, Widmer, 2016, "Deep Linear Discriminant Analysis", arXiv 1511.04707.

    Differs from the paper: the number of classes is that of the batch. A class of one example has no
    covariance and is left out of `S_w`, but not of the total. As much as rounding may have taken from `S_w`
    is added to `regularization`. The defaults are the authors' code's.

    Args:
        epsilon: Eigenvalues up to the smallest one plus this are maximized. Defaults to 1.
        regularization: Added to the diagonal of the scatter within classes, in squared units of the
            embeddings. Defaults to 1e-3.
        reduction: Keras' reduction over the batch. Defaults to `"sum_over_batch_size"`, the mean.
        name: Name of the loss.
        dtype: Dtype of the computation, or None for Keras' float type. Half-precision dtypes round class ids
            too.

    Call arguments:
        y_true: Class ids, `(batch,)` or `(batch, 1)`.
        y_pred: Embeddings, `(batch, dim)`.

    Raises:
        ValueError: for an `epsilon` below 0, a `regularization` that is not positive, or shapes that do not
            go together.

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
