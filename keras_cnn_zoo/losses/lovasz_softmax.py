"""The Lovasz extension of the Jaccard loss: a surrogate for mean intersection over union."""

import math

import keras
from keras import ops

from keras_cnn_zoo.losses.base_loss import BaseClassLoss
from keras_cnn_zoo.losses.class_scores import class_scores
from keras_cnn_zoo.ops.class_ids import LEFT_OUT, as_labels, nan_where
from keras_cnn_zoo.ops.counting import counts_so_far
from keras_cnn_zoo.utils import validation


def lovasz_softmax(
    y_true, y_pred, from_logits=False, ignore_class=None, *, classes="present", per_image=False
):
    """Returns the Lovasz extension of one minus intersection over union; see `LovaszSoftmax`.

    Args:
        y_true: Class ids, `(batch, ...)` or `(batch, ..., 1)`.
        y_pred: Probabilities or logits, `(batch, ..., classes)`.
        from_logits: Whether `y_pred` holds logits. Defaults to False.
        ignore_class: Class id of pixels to leave out like -1, or None.
        classes: `"present"` or `"all"`. Defaults to `"present"`.
        per_image: Whether to compute a separate loss per example. Defaults to False.

    Returns:
        `(batch,)` in at least float32: the loss of the whole batch in every entry, or with `per_image` that
        of each example times batch / valid examples, 0 for examples without a valid pixel.

    Raises:
        ValueError: for an argument outside its range, incompatible shapes, fewer than two classes, or labels
            outside of the classes.
    """
    _check(from_logits, ignore_class, classes, per_image)
    labels, scores = class_scores(y_true, y_pred, ignore_class)
    batch, count, dtype = ops.shape(scores)[0], scores.shape[-1], scores.dtype
    groups = batch if per_image else 1
    pixels = math.prod(ops.shape(scores)[1:-1]) * (1 if per_image else batch)
    scores = ops.reshape(scores, (groups, pixels, count))
    probabilities = ops.softmax(scores, axis=-1) if from_logits else scores
    counted = ops.reshape(labels.counted, (groups, pixels))
    # An `ignore_class` may be one of the classes.
    ids = ops.where(counted, ops.reshape(labels.ids, (groups, pixels)), LEFT_OUT)
    own = ops.equal(ids[..., None], ops.arange(count, dtype="int32"))
    errors = ops.where(own, 1 - probabilities, probabilities)
    own, valid = ops.cast(own, dtype), ops.cast(counted, dtype)[..., None]
    # An error of 0 is sorted last, where it has no effect on the loss or on other weights.
    errors = errors * valid
    # (groups, classes): the loss of each class, and whether the class counts.
    losses = _lovasz_extension(ops.transpose(errors, (0, 2, 1)), ops.transpose(own, (0, 2, 1)))
    takes_part = ops.any(own > 0, axis=1) if classes == "present" else ops.any(valid > 0, axis=1)
    takes_part = ops.cast(ops.broadcast_to(takes_part, ops.shape(losses)), dtype)
    total = ops.sum(losses * takes_part, axis=-1)
    number = ops.sum(takes_part, axis=-1)
    losses = total / ops.maximum(number, ops.ones_like(number))
    if labels.refused is not None:
        losses = losses * nan_where(ops.any(ops.reshape(labels.refused, (groups, pixels)), axis=-1), dtype)
    if not per_image:
        return ops.broadcast_to(losses, (batch,))
    some = ops.cast(number > 0, dtype)
    share = ops.sum(some) / ops.cast(batch, dtype)
    return losses / ops.where(share > 0, share, ops.ones_like(share))


def _lovasz_extension(errors, own):
    """Sums the sorted errors times the growth of the Jaccard loss at each of them, over the last axis."""
    order = ops.argsort(-ops.stop_gradient(errors), axis=-1)
    errors = ops.take_along_axis(errors, order, axis=-1)
    own = ops.take_along_axis(own, order, axis=-1)
    hits = counts_so_far(own)
    size = hits[..., -1:]
    misses = ops.cast(ops.arange(1, ops.shape(hits)[-1] + 1), hits.dtype) - hits
    jaccard = 1 - (size - hits) / (size + misses)
    growth = jaccard - ops.concatenate([ops.zeros_like(size), jaccard[..., :-1]], axis=-1)
    return ops.sum(errors * ops.stop_gradient(growth), axis=-1)


def _check(from_logits, ignore_class, classes, per_image):
    validation.boolean("from_logits", from_logits)
    validation.integer("ignore_class", ignore_class, optional=True)
    validation.one_of("classes", classes, ("present", "all"))
    validation.boolean("per_image", per_image)


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class LovaszSoftmax(BaseClassLoss):
    """Surrogate of mean intersection over union for masks, piecewise linear in the probabilities.

    For class `c`, the error of a pixel is `1 - p_c` if it has the class, and else `p_c`. Sort the errors in
    descending order, and let `J_i` be one minus the intersection over union if the first `i` pixels are
    wrong. The loss is `sum_i error_i * (J_i - J_(i-1))`, averaged over the classes. If all probabilities are
    0 or 1, it equals the Jaccard loss. Add it to a cross-entropy, or use it for fine-tuning after one: small
    classes count as much as large ones, but an untrained network learns little from it.

    Without `per_image` the loss is coupled across the batch: every entry is the loss of the whole batch. With
    several replicas, each computes the loss of its part.

    Reference: Berman, Triki, Blaschko, 2018, "The Lovasz-Softmax loss: A tractable surrogate for the
    optimization of the intersection-over-union measure in neural networks", arXiv 1705.08790.

    Args:
        from_logits: Whether `y_pred` holds logits instead of probabilities. Defaults to False.
        ignore_class: Class id of pixels to leave out, such as 255, or None. Pixels with the label -1 are
            always left out.
        classes: `"present"` averages over the classes in the true masks, `"all"` over all classes. An absent
            class then costs its largest probability. Defaults to `"present"`.
        per_image: Whether to compute the loss of each image separately and average; images without a valid
            pixel do not count. Defaults to False.
        reduction: Keras' reduction over the batch. Defaults to `"sum_over_batch_size"`, the mean.
        name: Name of the loss.
        dtype: Dtype of the computation, or None for Keras' float type. Class ids stay integers.

    Call arguments:
        y_true: Class ids, `(batch, height, width)` or `(batch, height, width, 1)`; any number of axes between
            batch and classes is allowed. Labels other than 0 to `classes - 1`, -1, and `ignore_class` are
            refused, or give NaN in compiled code.
        y_pred: Probabilities or logits, `(batch, height, width, classes)`.
        sample_weight: Weights of images, `(batch,)` or `(batch, 1)`, or None. Pixels have no weights.

    Raises:
        ValueError: for an argument outside its range, incompatible shapes, fewer than two classes, or labels
            outside of the classes.

    >>> loss = LovaszSoftmax()
    >>> float(loss(np.array([[[0, 1]]]), np.array([[[[0.5, 0.5], [0.0, 1.0]]]])))
    0.375
    """

    def __init__(
        self,
        from_logits=False,
        ignore_class=None,
        *,
        classes="present",
        per_image=False,
        reduction="sum_over_batch_size",
        name="lovasz_softmax",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        _check(from_logits, ignore_class, classes, per_image)
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.classes = classes
        self.per_image = per_image

    def __call__(self, y_true, y_pred, sample_weight=None):
        rank = None if sample_weight is None else len(ops.shape(sample_weight))
        if rank is not None and (rank > 2 or rank == 2 and ops.shape(sample_weight)[1] != 1):
            raise ValueError(
                "`sample_weight` must have one weight per image, (batch,) or (batch, 1), because single "
                "pixels have no loss. To leave pixels out, label them -1 or `ignore_class`. "
                f"Received: sample_weight.shape={tuple(ops.shape(sample_weight))}"
            )
        return super().__call__(y_true, y_pred, sample_weight)

    def prepared(self, y_true):
        # Images, not pixels, have a loss: pixels that do not count are left out inside of it.
        return as_labels(y_true), None

    def call(self, y_true, y_pred):
        losses = lovasz_softmax(
            y_true,
            y_pred,
            self.from_logits,
            self.ignore_class,
            classes=self.classes,
            per_image=self.per_image,
        )
        return ops.cast(losses, self.dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "from_logits": self.from_logits,
            "ignore_class": self.ignore_class,
            "classes": self.classes,
            "per_image": self.per_image,
            "dtype": self.dtype,
        }
