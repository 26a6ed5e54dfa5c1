"""GANLoss against loops over the papers' formulas, and at their proven optima."""

import math

import keras
import numpy as np
import pytest

from keras_cnn_zoo.losses import GANLoss, gan_generator, jensen_shannon
from keras_cnn_zoo.utils.autodiff import value_and_gradients

KINDS = ("minimax", "non_saturating", "least_squares", "hinge", "wasserstein")


def log_sigmoid(x):
    return -math.log1p(math.exp(-x)) if x > 0 else x - math.log1p(math.exp(x))


def one(kind, label, logit, label_smoothing):
    if kind in ("minimax", "non_saturating"):
        label = label * (1 - label_smoothing)
        return -(label * log_sigmoid(logit) + (1 - label) * log_sigmoid(-logit))
    if kind == "least_squares":
        return 0.5 * (logit - label) ** 2
    if kind == "hinge":
        return max(0.0, 1 - logit) if label == 1 else max(0.0, 1 + logit)
    return -logit if label == 1 else logit


def reference(y_true, y_pred, kind, label_smoothing=0.0):
    losses = []
    for label, logits in zip(np.asarray(y_true).reshape(len(y_pred), -1), y_pred, strict=True):
        flat = np.asarray(logits).ravel()
        labels = label if len(label) == len(flat) else [label[0]] * len(flat)
        terms = [one(kind, *pair, label_smoothing) for pair in zip(labels, flat, strict=True)]
        losses.append(sum(terms) / len(terms))
    return np.array(losses)


RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(6, 1)) * 2
PATCHES = RNG.normal(size=(6, 2, 3, 1)) * 2
LABELS = np.array([1, 0, 0, 1, 1, 0])

CASES = [
    dict(
        cls=GANLoss,
        init_kwargs={"kind": "minimax", "label_smoothing": 0.1},
        y_true=LABELS,
        y_pred=PATCHES,
        reference=reference,
    ),
    *(
        dict(cls=GANLoss, init_kwargs={"kind": kind}, y_true=LABELS, y_pred=LOGITS, reference=reference)
        for kind in KINDS
    ),
    dict(
        cls=GANLoss,
        init_kwargs={"kind": "hinge"},
        y_true=np.broadcast_to(LABELS[:, None, None, None], PATCHES.shape),
        y_pred=PATCHES,
        reference=reference,
    ),
]

# Three positions, and how many of ten real and generated examples are at each.
REAL = np.repeat([0, 1, 2], [5, 3, 2])
FAKE = np.repeat([0, 1, 2], [2, 3, 5])
P, Q = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])


def numbers(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor), "float64")


def at(logits):
    """Returns the discriminator's loss for one logit per position, and its gradient."""

    def loss_of(kind):
        loss = GANLoss(kind)
        value, (gradient,), _ = value_and_gradients(
            lambda x: loss.discriminator(keras.ops.take(x, REAL), keras.ops.take(x, FAKE)),
            [np.asarray(logits, "float32")],
        )
        return float(value), numbers(gradient)

    return loss_of


@pytest.mark.parametrize("kind", ["minimax", "non_saturating"])
def test_the_best_discriminator_of_a_cross_entropy_gives_the_jensen_shannon_divergence(kind):
    value, gradient = at(np.log(P / Q))(kind)
    np.testing.assert_allclose(gradient, 0, atol=1e-7)
    divergence = float(jensen_shannon(P[None], Q[None])[0])
    assert value == pytest.approx(math.log(4) - 2 * divergence, rel=1e-6)


def test_the_best_discriminator_of_least_squares_is_the_share_of_the_real():
    value, gradient = at(P / (P + Q))("least_squares")
    np.testing.assert_allclose(gradient, 0, atol=1e-7)
    assert value == pytest.approx(0.5 * np.sum(P * Q / (P + Q)), rel=1e-6)


def test_the_best_discriminator_of_the_hinge_gives_the_overlap():
    best = np.sign(P - Q)
    value, _ = at(best)("hinge")
    assert value == pytest.approx(2 * np.minimum(P, Q).sum(), rel=1e-6)
    for _ in range(15):
        assert at(best + RNG.normal(size=3))("hinge")[0] >= value - 1e-6


def test_the_best_critic_of_slope_one_gives_the_wasserstein_distance():
    value, _ = at([0.0, -1.0, -2.0])("wasserstein")
    moved = np.abs(np.cumsum(P - Q))[:-1].sum()
    assert value == pytest.approx(-moved, rel=1e-6)
    for _ in range(15):
        steps = RNG.uniform(-1, 1, 2)
        assert at([0.0, steps[0], steps.sum()])("wasserstein")[0] >= value - 1e-6


@pytest.mark.parametrize(
    "kind, logit, discriminator, generator",
    [
        ("minimax", 0.0, math.log(4), -math.log(2)),
        ("non_saturating", 0.0, math.log(4), math.log(2)),
        ("least_squares", 0.5, 0.25, 0.125),
        ("hinge", 0.0, 2.0, 0.0),
        ("wasserstein", 3.0, 0.0, -3.0),
    ],
)
def test_the_optimum_of_equal_distributions(kind, logit, discriminator, generator):
    loss = GANLoss(kind)
    logits = np.full((4, 1), logit)
    assert float(loss.discriminator(logits, logits)) == pytest.approx(discriminator, rel=1e-6)
    assert float(loss.generator(logits)) == pytest.approx(generator, rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_the_generator_raises_its_logits(kind):
    loss = GANLoss(kind)
    _, (gradient,), _ = value_and_gradients(loss.generator, [np.array([[-2.0], [0.0], [0.9]], "float32")])
    assert (numbers(gradient) < 0).all()


def test_the_generator_of_minimax_plays_against_the_discriminator_and_saturates():
    minimax, non_saturating = GANLoss("minimax"), GANLoss("non_saturating")
    fake = np.array([[-8.0]], "float32")
    assert float(minimax.generator(fake)) == pytest.approx(log_sigmoid(8.0), rel=1e-5)
    weak, strong = (value_and_gradients(loss.generator, [fake])[1][0] for loss in (minimax, non_saturating))
    assert abs(float(weak[0, 0])) < 1e-3 and abs(float(strong[0, 0])) > 0.999


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reduction, reduce", [("sum_over_batch_size", np.mean), ("sum", np.sum)])
def test_the_two_losses_are_sums_under_each_reduction(kind, reduction, reduce):
    loss, each = GANLoss(kind, reduction=reduction), GANLoss(kind, reduction="none")
    real, fake = LOGITS.astype("float32"), LOGITS[:4].astype("float32") - 1
    by_hand = reduce(reference(np.ones(6), real, kind)) + reduce(reference(np.zeros(4), fake, kind))
    assert float(loss.discriminator(real, fake)) == pytest.approx(by_hand, rel=1e-5)
    assert float(loss.generator(fake)) == pytest.approx(reduce(numbers(gan_generator(fake, kind))), rel=1e-5)
    np.testing.assert_allclose(numbers(each.generator(fake)), numbers(gan_generator(fake, kind)), rtol=1e-6)
    both = reference(np.ones(4), real[:4], kind) + reference(np.zeros(4), fake, kind)
    np.testing.assert_allclose(numbers(each.discriminator(real[:4], fake)), both, rtol=1e-5)


def test_a_mixed_batch_has_half_the_loss_of_the_two_batches():
    loss = GANLoss("non_saturating")
    real, fake = LOGITS[LABELS == 1], LOGITS[LABELS == 0]
    assert float(loss(LABELS, LOGITS)) == pytest.approx(float(loss.discriminator(real, fake)) / 2, rel=1e-6)


def test_smoothing_changes_the_real_labels_only():
    loss = GANLoss("non_saturating", label_smoothing=0.1)
    real, fake = np.array([[2.0]]), np.array([[-1.0]])
    expected = -(0.9 * log_sigmoid(2.0) + 0.1 * log_sigmoid(-2.0)) - log_sigmoid(1.0)
    assert float(loss.discriminator(real, fake)) == pytest.approx(expected, rel=1e-6)
    assert float(loss.generator(fake)) == pytest.approx(-log_sigmoid(-1.0), rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_huge_logits_give_finite_losses_on_both_sides(kind, dtype):
    loss = GANLoss(kind)
    logits = keras.ops.convert_to_tensor([[6e4], [-6e4]], dtype=dtype)
    for side in (lambda x: loss.discriminator(x, x), loss.generator):
        value, (gradient,), _ = value_and_gradients(side, [logits])
        assert np.isfinite(float(value))
        assert np.isfinite(numbers(keras.ops.cast(gradient, "float32"))).all()


def test_a_confident_and_correct_logit_has_a_small_positive_loss():
    # If sigmoid(x) - 1 rounds to 0, there is still a slope.
    _, (gradient,), _ = value_and_gradients(
        lambda x: GANLoss("non_saturating").discriminator(x, -x), [np.array([[30.0]], "float32")]
    )
    assert float(gradient[0, 0]) == pytest.approx(-2 * math.exp(-30.0), rel=1e-3)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"kind": "lsgan"}, "`kind` must be one of 'minimax', .*'wasserstein'. Received: kind='lsgan'"),
        ({"label_smoothing": 1.0}, "`label_smoothing` must be .* below 1. Received: label_smoothing=1.0"),
        (
            {"kind": "hinge", "label_smoothing": 0.1},
            "`label_smoothing` must be 0 for kind='hinge', .* Received: label_smoothing=0.1",
        ),
    ],
)
def test_invalid_arguments_raise(arguments, message):
    with pytest.raises(ValueError, match=message):
        GANLoss(**{"kind": "minimax", **arguments})


@pytest.mark.parametrize(
    "labels, logits", [((4,), (6, 1)), ((6, 2), (6, 1)), ((6, 2, 3), (6, 2, 2)), ((), (6,)), ((1, 6), (6,))]
)
def test_refuses_labels_of_another_shape(labels, logits):
    with pytest.raises(
        ValueError, match=r"`y_true` must have the shape \(batch,\), .* Received: y_true.shape="
    ):
        GANLoss("hinge")(np.zeros(labels), np.zeros(logits))


def test_refuses_a_number_for_logits():
    with pytest.raises(
        ValueError, match=r"`y_pred` must have the shape \(batch, ...\). Received: y_pred.shape="
    ):
        GANLoss("hinge").generator(np.float32(1.0))
