"""Coupled clusters loss of sets of embeddings."""

import keras
from keras import ops

from keras_cnn_zoo.losses.base_loss import BaseLoss
from keras_cnn_zoo.losses.embeddings import checked_distance, saved_choice
from keras_cnn_zoo.ops.counting import at_least_one
from keras_cnn_zoo.ops.distances import distances_between
from keras_cnn_zoo.utils import validation
from keras_cnn_zoo.utils.dtypes import at_least_float32


def coupled_clusters(y_true, y_pred, margin=1.0, *, distance="squared"):
    """Returns the coupled clusters loss of each row of sets; see `CoupledClusters`.

    Args:
        y_true: 1 for the positive set, 0 for the negative set, any other number for padding, `(batch, set)`.
        y_pred: Embeddings, `(batch, set, dim)`.
        margin: Positive margin. Defaults to 1.
        distance: `"squared"`, `"euclidean"`, or a function. Defaults to `"squared"`.

    Returns:
        The loss of each row, `(batch,)`, in at least float32; 0 where a set is empty.

    Raises:
        ValueError: for a `margin` that is not positive, or incompatible shapes.
    """
    margin = validation.finite_number("margin", margin, above=0)
    chosen = checked_distance(distance)
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    if len(y_pred.shape) != 3 or len(y_true.shape) != 2 or y_true.shape[1] != y_pred.shape[1]:
        raise ValueError(
            "`y_true` must have the shape (batch, set), and `y_pred` (batch, set, dim). "
            f"Received: y_true.shape={tuple(y_true.shape)}, y_pred.shape={tuple(y_pred.shape)}"
        )
    dtype = at_least_float32(y_pred.dtype)
    embeddings = ops.cast(y_pred, dtype)
    positive, negative = ops.equal(y_true, 1), ops.equal(y_true, 0)
    weight = ops.cast(positive, dtype)
    count = at_least_one(ops.sum(weight, axis=-1))
    share = weight / count[:, None]
    center = ops.einsum("bs,bsd->bd", share, embeddings)
    distance = distances_between(embeddings, center[:, None, :], chosen)
    # Other embeddings must not even tie with the negative set, because ties share the gradient. A function's
    # distances may be negative.
    largest = ops.max(ops.stop_gradient(distance), axis=-1, keepdims=True)
    beyond = largest + ops.abs(largest) + 1
    nearest = ops.min(ops.where(negative, distance, beyond), axis=-1, keepdims=True)
    loss = ops.sum(share * ops.relu(distance - nearest + margin), axis=-1) / 2
    return ops.where(ops.any(negative, axis=-1), loss, ops.zeros_like(loss))


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class CoupledClusters(BaseLoss):
    """Loss that pulls a set of examples closer to its center than the nearest example of another set.

    Let `c` be the mean of the positive set's `P` embeddings, and `n` the distance from `c` to the nearest
    embedding of the negative set. A row's loss is `sum_i max(distance(z_i, c) - n + margin, 0) / (2 * P)`
    over the positive set, by default with squared Euclidean distances. Unlike a triplet loss, it depends on
    no choice of an anchor. A row is one positive and one negative set, such as views of one object and views
    of others. Rows are independent. If one of its sets is empty, a row's loss is 0.

    Squares overflow: in float32, magnitudes above 1e18 are out of range, and those below 1e-18 count as
    0.

    Reference: Liu, Tian, Yang, Pang, Huang, 2016, "Deep Relative Distance Learning: Tell the Difference
    Between Similar Vehicles" (CVPR); equation (23) of the survey.

    Differs from the paper: Liu et al. sum over the positive set, but the survey divides by its size. The
    gradient also flows through the center.

    Args:
        margin: Positive margin of distances. Defaults to 1.
        distance: `"squared"`, `"euclidean"`, whose gradient is 0 for an embedding at the center, or a
            function from two tensors `(batch, set, dim)` and `(batch, 1, dim)` to distances `(batch, set)`,
            registered with Keras to be saved. Defaults to `"squared"`.
        reduction: Keras' reduction over the batch. Defaults to `"sum_over_batch_size"`, the mean.
        name: Name of the loss.
        dtype: Dtype of the computation, or None for Keras' float type.

    Call arguments:
        y_true: 1 for the positive set and 0 for the negative set, `(batch, set)`. Any other number, such as
            -1, marks padding, for sets of different sizes.
        y_pred: Embeddings, `(batch, set, dim)`.

    Raises:
        ValueError: for a `margin` that is not positive, or incompatible shapes.

    >>> loss = CoupledClusters()
    >>> float(loss(np.array([[1, 1, 0]]), np.array([[[-1.0, 0.0], [1.0, 0.0], [0.0, 0.5]]])))
    0.875
    """

    def __init__(
        self,
        margin=1.0,
        *,
        distance="squared",
        reduction="sum_over_batch_size",
        name="coupled_clusters",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.margin = validation.finite_number("margin", margin, above=0)
        self.distance = checked_distance(distance)

    def call(self, y_true, y_pred):
        losses = coupled_clusters(y_true, y_pred, self.margin, distance=self.distance)
        return ops.cast(losses, self.dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "margin": self.margin,
            "distance": saved_choice(self.distance),
            "dtype": self.dtype,
        }
