"""The discriminator's and the generator's loss of a generative adversarial network."""

import keras
from keras import ops

from keras_cnn_zoo.losses.base_loss import BaseLoss
from keras_cnn_zoo.ops import statistics
from keras_cnn_zoo.utils import shapes, validation
from keras_cnn_zoo.utils.dtypes import at_least_float32

CROSS_ENTROPIES = ("minimax", "non_saturating")
KINDS = (*CROSS_ENTROPIES, "least_squares", "hinge", "wasserstein")


def gan_discriminator(y_true, y_pred, kind, *, label_smoothing=0.0):
    """Returns the discriminator's loss of each example; see `GANLoss`.

    Args:
        y_true: 1 for real and 0 for generated, `(batch,)`, `(batch, 1)`, or in the shape of `y_pred`.
        y_pred: The discriminator's logits, `(batch, ...)`.
        kind: `"minimax"`, `"non_saturating"`, `"least_squares"`, `"hinge"`, or `"wasserstein"`.
        label_smoothing: Number subtracted from the label of real examples, in [0, 1). Defaults to 0.

    Returns:
        The loss of each example, averaged over its logits, `(batch,)`, in at least float32.

    Raises:
        ValueError: for an argument outside its range, or incompatible shapes.
    """
    _check(kind, label_smoothing)
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    logits = _flat(y_pred)
    shape, batch = tuple(y_true.shape), tuple(logits.shape)[:1]
    if not any(shapes.agree(shape, (*batch, *rest)) for rest in ((), (1,), tuple(y_pred.shape)[1:])):
        raise ValueError(
            "`y_true` must have the shape (batch,), (batch, 1), or that of `y_pred`. "
            f"Received: y_true.shape={shape}, y_pred.shape={tuple(y_pred.shape)}"
        )
    real = ops.reshape(ops.cast(y_true, logits.dtype), (ops.shape(y_true)[0], -1))
    if kind in CROSS_ENTROPIES:
        real = real * (1 - label_smoothing)
        losses = real * ops.softplus(-logits) + (1 - real) * ops.softplus(logits)
    elif kind == "least_squares":
        losses = ops.square(logits - real) / 2
    elif kind == "hinge":
        losses = ops.relu(1 - (2 * real - 1) * logits)
    else:
        losses = (1 - 2 * real) * logits
    return statistics.mean(losses, (1,))


def gan_generator(y_pred, kind):
    """Returns the generator's loss of each example; see `GANLoss`.

    Args:
        y_pred: The discriminator's logits of generated examples, `(batch, ...)`.
        kind: `"minimax"`, `"non_saturating"`, `"least_squares"`, `"hinge"`, or `"wasserstein"`.

    Returns:
        The loss of each example, averaged over its logits, `(batch,)`, in at least float32.

    Raises:
        ValueError: for an unknown `kind`, or logits without a batch axis.
    """
    _check(kind, 0.0)
    logits = _flat(ops.convert_to_tensor(y_pred))
    if kind == "minimax":
        losses = -ops.softplus(logits)
    elif kind == "non_saturating":
        losses = ops.softplus(-logits)
    elif kind == "least_squares":
        losses = ops.square(logits - 1) / 2
    else:
        losses = -logits
    return statistics.mean(losses, (1,))


def _flat(logits):
    """Flattens logits to `(batch, number)` in at least float32."""
    if len(logits.shape) == 0:
        raise ValueError(
            f"`y_pred` must have the shape (batch, ...). Received: y_pred.shape={tuple(logits.shape)}"
        )
    return ops.reshape(ops.cast(logits, at_least_float32(logits.dtype)), (ops.shape(logits)[0], -1))


def _check(kind, label_smoothing):
    validation.one_of("kind", kind, KINDS)
    validation.probability("label_smoothing", label_smoothing, allow_one=False)
    if label_smoothing and kind not in CROSS_ENTROPIES:
        validation.fail("label_smoothing", f"0 for kind={kind!r}, which has no labels", label_smoothing)


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class GANLoss(BaseLoss):
    """Losses of the discriminator and of the generator of a generative adversarial network, on logits.

    `r` are the logits of real and `f` of generated examples. Each term is a mean over its batch:

    | kind | discriminator | generator |
    |---|---|---|
    | `"minimax"` | `softplus(-r) + softplus(f)` | `-softplus(f)` |
    | `"non_saturating"` | `softplus(-r) + softplus(f)` | `softplus(-f)` |
    | `"least_squares"` | `((r - 1)^2 + f^2) / 2` | `(f - 1)^2 / 2` |
    | `"hinge"` | `relu(1 - r) + relu(1 + f)` | `-f` |
    | `"wasserstein"` | `f - r` | `-f` |

    `"minimax"` is the survey's. Its generator hardly learns while the discriminator recognizes its examples.
    The authors fix this with `"non_saturating"`. `"wasserstein"` needs a discriminator of bounded slope, so
    add `gradient_penalty`.

    `discriminator(real, fake)` and `generator(fake)` return these sums under the loss's reduction. Calling it
    like a Keras loss gives the discriminator's loss, with labels 1 for real and 0 for generated. If a batch
    has equally many of both, the mean is half of what `discriminator` returns. Soft labels weigh the two
    terms of a logit, and are the target of `"least_squares"`.

    Reference: Goodfellow et al., 2014, "Generative Adversarial Networks", arXiv 1406.2661, equation (28) of
    the survey; least squares of Mao et al., 2016, arXiv 1611.04076; hinge of Lim, Ye, 2017, arXiv 1705.02894;
    Wasserstein of Arjovsky, Chintala, Bottou, 2017, arXiv 1701.07875; smoothing of Salimans et al., 2016,
    arXiv 1606.03498.

    Args:
        kind: `"minimax"`, `"non_saturating"`, `"least_squares"`, `"hinge"`, or `"wasserstein"`.
        label_smoothing: Number subtracted from the label of real examples in the discriminator's loss, in
            [0, 1); only for the first two kinds. Defaults to 0.
        reduction: Keras' reduction over the batch. Defaults to `"sum_over_batch_size"`, the mean. With
            `"none"` the two batches of `discriminator` must have the same size.
        name: Name of the loss.
        dtype: Dtype of the computation, or None for Keras' float type.

    Call arguments:
        y_true: 1 for real and 0 for generated, `(batch,)`, `(batch, 1)`, or in the shape of `y_pred`.
        y_pred: Logits, `(batch, ...)`. Several logits per example, such as one per patch, are averaged.

    Raises:
        ValueError: for an unknown `kind`, a `label_smoothing` outside its range or for another kind, or
            incompatible shapes.

    >>> loss = GANLoss("hinge")
    >>> float(loss.discriminator(np.array([[0.5], [3.0]]), np.array([[-2.0], [0.0]])))
    0.75
    >>> float(loss.generator(np.array([[-2.0], [0.0]])))
    1.0
    """

    def __init__(
        self,
        kind,
        *,
        label_smoothing=0.0,
        reduction="sum_over_batch_size",
        name="gan_loss",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        _check(kind, label_smoothing)
        self.kind = kind
        self.label_smoothing = float(label_smoothing)

    def discriminator(self, real, fake):
        """Returns the discriminator's loss for its logits of real and generated examples.

        Args:
            real: Logits of real examples, `(batch, ...)`.
            fake: Logits of generated examples, `(batch, ...)`.

        Returns:
            The loss of the real plus that of the generated examples, each under the reduction.
        """
        return self(ops.ones_like(real), real) + self(ops.zeros_like(fake), fake)

    def generator(self, fake):
        """Returns the generator's loss for the discriminator's logits of generated examples.

        Args:
            fake: Logits of generated examples, `(batch, ...)`.

        Returns:
            The loss under the reduction.
        """
        losses = ops.cast(gan_generator(ops.cast(fake, self.dtype), self.kind), self.dtype)
        if self.reduction in (None, "none"):
            return losses
        if self.reduction == "sum":
            return ops.sum(losses)
        return ops.cast(statistics.mean(losses, (0,)), self.dtype)

    def call(self, y_true, y_pred):
        losses = gan_discriminator(y_true, y_pred, self.kind, label_smoothing=self.label_smoothing)
        return ops.cast(losses, self.dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "kind": self.kind,
            "label_smoothing": self.label_smoothing,
            "dtype": self.dtype,
        }
