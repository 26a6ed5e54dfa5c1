"""LovaszSoftmax against the Lovasz extension of the Jaccard loss, computed set by set."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.losses import LovaszSoftmax, lovasz_softmax
from keras_cnn_zoo.utils.autodiff import value_and_gradients


def jaccard_loss(wrong, own):
    """Returns 1 - intersection / union of a class with the pixels `own` if the pixels `wrong` are wrong."""
    predicted = own ^ wrong
    union = own | predicted
    return 1 - len(own & predicted) / len(union) if union else 0.0


def extension(errors, own):
    """Definition 2 of the paper: errors in descending order, each times the growth of the set function."""
    order = sorted(range(len(errors)), key=lambda pixel: -errors[pixel])
    total, before = 0.0, 0.0
    for position, pixel in enumerate(order):
        now = jaccard_loss(set(order[: position + 1]), own)
        total += errors[pixel] * (now - before)
        before = now
    return total


def of_pixels(labels, probabilities, classes, ignore_class):
    kept = [i for i in range(len(labels)) if labels[i] not in (-1, ignore_class)]
    costs = []
    for c in range(probabilities.shape[-1]):
        own = {position for position, i in enumerate(kept) if labels[i] == c}
        if classes == "present" and not own:
            continue
        errors = [
            1 - probabilities[i, c] if position in own else probabilities[i, c]
            for position, i in enumerate(kept)
        ]
        costs.append(extension(errors, own))
    return sum(costs) / len(costs) if kept and costs else None


def reference(y_true, y_pred, from_logits=False, ignore_class=None, classes="present", per_image=False):
    batch, count = len(y_pred), y_pred.shape[-1]
    labels = np.asarray(y_true).reshape(batch, -1)
    scores = np.asarray(y_pred, "float64").reshape(batch, -1, count)
    if from_logits:
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores = scores / scores.sum(-1, keepdims=True)
    if not per_image:
        cost = of_pixels(labels.ravel(), scores.reshape(-1, count), classes, ignore_class)
        return np.full(batch, 0.0 if cost is None else cost)
    costs = [of_pixels(*pair, classes, ignore_class) for pair in zip(labels, scores, strict=True)]
    valid = sum(cost is not None for cost in costs)
    return np.array([0.0 if cost is None else cost * batch / valid for cost in costs])


def softmax(logits):
    exponentials = np.exp(logits - logits.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(3, 3, 4, 4)) * 1.5
PROBABILITIES = softmax(LOGITS)
LABELS = RNG.integers(0, 3, (3, 3, 4))
LABELS[0, 0, :2] = 9
LABELS[1] = 9

CASES = [
    dict(
        cls=LovaszSoftmax,
        init_kwargs={"from_logits": True, "ignore_class": 9, "classes": "all", "per_image": True},
        y_true=LABELS,
        y_pred=LOGITS,
        labels="classes",
        reference=reference,
    ),
    dict(
        cls=LovaszSoftmax,
        init_kwargs={"from_logits": True, "ignore_class": 9},
        y_true=LABELS[..., None],
        y_pred=LOGITS,
        labels="classes",
        reference=reference,
    ),
    dict(
        cls=LovaszSoftmax,
        init_kwargs={"from_logits": True, "classes": "all"},
        y_true=LABELS % 4,
        y_pred=LOGITS,
        labels="classes",
        reference=reference,
    ),
    dict(
        cls=LovaszSoftmax,
        init_kwargs={"from_logits": True, "ignore_class": 9, "per_image": True},
        y_true=LABELS,
        y_pred=LOGITS,
        labels="classes",
        reference=reference,
    ),
]


def losses(labels, scores, **options):
    return keras.ops.convert_to_numpy(lovasz_softmax(labels, np.asarray(scores, "float32"), **options))


@pytest.mark.parametrize("classes", ["present", "all"])
@pytest.mark.parametrize("per_image", [True, False])
@pytest.mark.parametrize("ignore_class", [None, 9, 1, -1])
def test_probabilities_against_the_loops(classes, per_image, ignore_class):
    options = {"classes": classes, "per_image": per_image, "ignore_class": ignore_class}
    labels = LABELS if ignore_class == 9 else np.where(LABELS == 9, -1, LABELS)
    expected = reference(labels, PROBABILITIES, **options)
    np.testing.assert_allclose(losses(labels, PROBABILITIES, **options), expected, atol=1e-6)


@pytest.mark.parametrize("size", [(16, 32), (27, 19), (40, 41)])
def test_more_pixels_than_are_counted_at_once(size):
    labels = RNG.integers(0, 3, (1, *size))
    scores = softmax(RNG.normal(size=(1, *size, 3)))
    costs = []
    for c in range(3):
        own = labels.ravel() == c
        errors = np.abs(own - scores[..., c].ravel())
        order = np.argsort(-errors, kind="stable")
        hits = own[order].cumsum()
        union = own.sum() + (~own[order]).cumsum()
        costs.append((errors[order] * np.diff(1 - (own.sum() - hits) / union, prepend=0)).sum())
    np.testing.assert_allclose(losses(labels, scores), np.mean(costs), rtol=1e-5)


def test_predictions_of_zero_and_one_give_the_jaccard_loss():
    labels = RNG.integers(0, 3, (2, 5, 6))
    predicted = RNG.integers(0, 3, (2, 5, 6))
    metric = keras.metrics.MeanIoU(num_classes=3)
    metric.update_state(labels.ravel(), predicted.ravel())
    np.testing.assert_allclose(losses(labels, np.eye(3)[predicted])[0], 1 - float(metric.result()), atol=1e-6)
    assert losses(labels, np.eye(3)[labels]).max() == 0.0


def test_two_pixels_by_hand():
    # Class 0: errors .4 (own) and .3; {own} gives 1, both too: .4. Class 1: .3 (own) after .4: 1/2 then 1.
    scores = [[[[0.6, 0.4], [0.3, 0.7]]]]
    assert losses(np.array([[[0, 1]]]), scores)[0] == pytest.approx((0.4 + (0.4 * 0.5 + 0.3 * 0.5)) / 2)


def test_an_absent_class_costs_its_largest_probability():
    scores = np.array([[[[0.7, 0.3], [0.9, 0.1]]]])
    labels = np.zeros((1, 1, 2), int)
    present = losses(labels, scores)[0]
    assert losses(labels, scores, classes="all")[0] == pytest.approx((present + 0.3) / 2)


def test_ignored_pixels_have_no_effect():
    labels = RNG.integers(0, 4, (1, 6, 5))
    scores = softmax(RNG.normal(size=(1, 6, 5, 4)))
    kept = losses(labels[:, :4], scores[:, :4])
    labels[:, 4:] = 255
    np.testing.assert_allclose(losses(labels, scores, ignore_class=255), kept, atol=1e-6)
    _, (gradient,), _ = value_and_gradients(
        lambda p: keras.ops.sum(lovasz_softmax(labels, p, ignore_class=255)), [scores.astype("float32")]
    )
    gradient = keras.ops.convert_to_numpy(gradient)
    assert not gradient[:, 4:].any() and gradient[:, :4].any()


@pytest.mark.parametrize("per_image", [True, False])
@pytest.mark.parametrize("classes", ["present", "all"])
def test_a_batch_without_valid_pixels_has_no_loss(per_image, classes):
    options = {"ignore_class": 255, "per_image": per_image, "classes": classes, "from_logits": True}
    labels = np.full((2, 3, 3), 255)
    value, (gradient,), _ = value_and_gradients(
        lambda z: keras.ops.sum(lovasz_softmax(labels, z, **options)), [np.ones((2, 3, 3, 2), "float32")]
    )
    assert float(value) == 0.0 and not keras.ops.convert_to_numpy(gradient).any()


def test_the_mean_is_over_images_with_valid_pixels():
    labels, scores = LABELS[:2], PROBABILITIES[:2]
    alone = float(LovaszSoftmax(ignore_class=9)(labels[:1], scores[:1]))
    assert float(LovaszSoftmax(ignore_class=9, per_image=True)(labels, scores)) == pytest.approx(
        alone, rel=1e-5
    )


def test_gradient_descent_raises_intersection_over_union():
    labels = (np.add.outer(np.arange(8), np.arange(8)) > 11).astype(int)[None]
    logits = np.zeros((1, 8, 8, 2), "float32")
    logits[..., 0] = 1.0
    before = losses(labels, logits, from_logits=True)[0]
    for _ in range(25):
        _, (gradient,), _ = value_and_gradients(
            lambda z: keras.ops.sum(lovasz_softmax(labels, z, True)), [logits]
        )
        logits = logits - 20 * keras.ops.convert_to_numpy(gradient)
    assert before > 0.5 and losses(labels, logits, from_logits=True)[0] < 0.1
    np.testing.assert_array_equal(logits.argmax(-1), labels)


def test_huge_logits_are_finite():
    value, (gradient,), _ = value_and_gradients(
        lambda z: keras.ops.sum(lovasz_softmax(LABELS[:1], z, True, 9)),
        [(LOGITS[:1] * 1e30).astype("float32")],
    )
    assert np.isfinite(float(value)) and np.isfinite(keras.ops.convert_to_numpy(gradient)).all()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"from_logits": "yes"}, "`from_logits` must be True or False. Received: from_logits='yes'"),
        ({"ignore_class": 1.5}, "`ignore_class` must be an integer or None. Received: ignore_class=1.5"),
        ({"classes": "some"}, "`classes` must be one of 'present', 'all'. Received: classes='some'"),
        ({"per_image": 1}, "`per_image` must be True or False. Received: per_image=1"),
    ],
)
def test_invalid_arguments_raise(arguments, message):
    with pytest.raises(ValueError, match=message):
        LovaszSoftmax(**arguments)


@pytest.mark.parametrize("labels", [np.zeros((2, 3)), np.zeros((2, 3, 3, 2))])
def test_incompatible_shapes_raise(labels):
    with pytest.raises(
        ValueError, match="one class id, not a one-hot vector, for each vector of scores. Received: "
    ):
        lovasz_softmax(labels, np.ones((2, 3, 3, 2)))


@pytest.mark.parametrize("shape", [(2, 3, 3), (2, 3, 3, 1), (2, 3)])
def test_pixel_weights_raise(shape):
    message = r"`sample_weight` must have one weight per image.* Received: sample_weight.shape=\(2, 3"
    with pytest.raises(ValueError, match=message):
        LovaszSoftmax()(np.zeros((2, 3, 3), int), np.ones((2, 3, 3, 2)), sample_weight=np.ones(shape))


@pytest.mark.parametrize("per_image", [True, False])
def test_images_have_weights(per_image):
    labels, scores = np.where(LABELS == 9, -1, LABELS), PROBABILITIES
    each = reference(labels, scores, per_image=per_image)
    for shape in ((3,), (3, 1)):
        weights = np.array([0.5, 2.0, 3.0])
        value = LovaszSoftmax(per_image=per_image)(labels, scores, sample_weight=weights.reshape(shape))
        assert float(value) == pytest.approx((each * weights).mean(), rel=1e-5)


@pytest.mark.parametrize("per_image", [True, False])
def test_an_empty_batch_has_no_loss(per_image):
    value = LovaszSoftmax(per_image=per_image)(np.zeros((0, 3, 3), int), np.zeros((0, 3, 3, 2)))
    assert float(value) == 0.0
