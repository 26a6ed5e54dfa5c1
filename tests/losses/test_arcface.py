"""ArcFace against arc cosines and pytorch-metric-learning, and at the ends of its domain."""

import math

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import CosineDense
from keras_cnn_zoo.losses import ArcFace, arcface
from keras_cnn_zoo.testing.probe import wide_dtype
from keras_cnn_zoo.utils.autodiff import value_and_gradients


def reference(y_true, y_pred, margin=0.5, scale=64.0):
    losses = []
    for label, row in zip(np.asarray(y_true).ravel(), y_pred, strict=True):
        logits = []
        for place, cosine in enumerate(row):
            if place == label:
                angle = math.acos(cosine)
                turned = math.cos(angle + margin)
                cosine = turned if angle + margin < math.pi else cosine - margin * math.sin(margin)
            logits.append(scale * cosine)
        top = max(logits)
        losses.append(top + math.log(sum(math.exp(z - top) for z in logits)) - logits[label])
    return np.array(losses)


RNG = np.random.default_rng(0)
COSINES = RNG.uniform(-0.98, 0.98, (7, 5))
LABELS = np.array([0, 4, 2, 1, 3, 0, 2])
COSINES[5, 0] = -0.95  # beyond pi - margin

CASES = [
    dict(
        cls=ArcFace,
        init_kwargs={"margin": 0.7, "scale": 9.0},
        y_true=LABELS,
        y_pred=COSINES,
        labels="classes",
        reference=reference,
    ),
    dict(
        cls=ArcFace,
        init_kwargs={},
        y_true=LABELS[:, None],
        y_pred=COSINES,
        labels="classes",
        reference=reference,
    ),
]


def numbers(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor), "float64")


def target_logit(cosine, margin=0.5):
    """Returns the true class's cosine with margin: the other logit is so high that loss = 100 - cosine."""
    cosines = np.stack([cosine, np.full_like(cosine, 100.0)], axis=-1)
    return 100.0 - numbers(arcface(np.zeros(len(cosine), int), cosines, margin, scale=1.0))


def test_the_target_falls_with_the_angle_over_the_whole_range():
    angles = np.linspace(0, math.pi, 1001)
    values = target_logit(np.cos(angles))
    within = angles < math.pi - 0.5
    np.testing.assert_allclose(values[within], np.cos(angles[within] + 0.5), atol=1e-5)
    np.testing.assert_allclose(values[~within], np.cos(angles[~within]) - 0.5 * math.sin(0.5), atol=1e-5)
    assert np.diff(values).max() < 1e-5


def test_without_a_margin_it_is_softmax_of_the_scaled_cosines():
    expected = keras.losses.sparse_categorical_crossentropy(LABELS, 9.0 * COSINES, from_logits=True)
    np.testing.assert_allclose(
        numbers(arcface(LABELS, COSINES, 0.0, scale=9.0)), numbers(expected), rtol=1e-4
    )


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("cosine", [1.0, 1 - 1e-7, 1 - 1e-12, -1.0, 1.001, -1.001, 64.0])
def test_values_and_gradients_are_finite_at_and_beyond_the_ends(cosine, dtype):
    cosines = keras.ops.convert_to_tensor([[cosine, 1.0]], dtype=dtype)
    value, (gradient,), _ = value_and_gradients(lambda x: keras.ops.sum(arcface(np.array([0]), x)), [cosines])
    assert np.isfinite(numbers(value)) and np.isfinite(numbers(gradient)).all()
    if cosine == 1.0:
        # The true class is exactly at angle 0, and another class is at cosine 0.
        assert numbers(value) == pytest.approx(64 * (1 - math.cos(0.5)), abs=0.01)


def test_the_gradient_raises_the_target_and_lowers_the_others():
    _, (gradient,), _ = value_and_gradients(
        lambda x: keras.ops.sum(arcface(LABELS, x, scale=5.0)), [COSINES.astype("float32")]
    )
    own = np.eye(5, dtype=bool)[LABELS]
    assert (numbers(gradient)[own] < 0).all() and (numbers(gradient)[~own] > 0).all()


def test_loss_and_gradient_with_cosine_dense_are_those_of_pytorch_metric_learning():
    torch = pytest.importorskip("torch")
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    features = RNG.normal(size=(20, 6)).astype("float32")
    labels = RNG.integers(0, 5, 20)
    head = CosineDense(5)
    head.build((None, 6))
    peer = losses.ArcFaceLoss(5, 6, margin=math.degrees(0.5), scale=16)
    peer.W.data = torch.tensor(head.get_weights()[0])
    inputs = torch.tensor(features, requires_grad=True)
    expected = peer(inputs, torch.tensor(labels))
    expected.backward()
    loss = ArcFace(0.5, scale=16)
    value, (gradient,), (of_kernel,) = value_and_gradients(
        lambda x: loss(labels, head(x)), [features], [head.kernel]
    )
    assert float(value) == pytest.approx(expected.item(), rel=1e-5)
    np.testing.assert_allclose(numbers(gradient), inputs.grad.numpy(), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(numbers(of_kernel), peer.W.grad.numpy(), rtol=1e-3, atol=1e-5)


def test_a_head_that_scales_its_outputs_gives_a_large_loss():
    keras.utils.set_random_seed(0)
    features, labels = RNG.normal(size=(50, 128)).astype("float32"), RNG.integers(0, 100, 50)
    right, wrong = CosineDense(100), CosineDense(100, scale=64)
    assert 30 < float(ArcFace()(labels, right(features))) < 60
    assert float(ArcFace()(labels, wrong(features))) > 500


@pytest.mark.parametrize(
    "arguments, message",
    [
        (
            {"margin": -0.1},
            "`margin` must be a finite number at least 0 and below 3.14.* Received: margin=-0.1",
        ),
        ({"margin": 28.6}, "`margin` must be .* Received: margin=28.6"),
        ({"scale": 0}, "`scale` must be a finite number above 0. Received: scale=0"),
        ({"scale": None}, "`scale` must be a finite number above 0. Received: scale=None"),
    ],
)
def test_invalid_arguments_raise(arguments, message):
    with pytest.raises(ValueError, match=message):
        ArcFace(**arguments)


SMALL = [0.0, *(10.0**power for power in range(-8, -2))]


@pytest.mark.parametrize("angle", [*SMALL, *(np.pi - angle for angle in SMALL)])
@pytest.mark.parametrize("margin", [0, 0.5, 3])
@pytest.mark.parametrize("dtype, digits", [("float32", 1e-6), ("float64", 1e-14)])
def test_angles_near_0_and_pi_have_the_value_of_the_formula(angle, margin, dtype, digits):
    if dtype == "float64" and wide_dtype() != "float64":
        pytest.skip("JAX without 64-bit numbers")
    cosine = np.cos(angle).astype(dtype)
    angle = np.arccos(cosine.astype("float64"))  # The angle that the rounded cosine has.
    turned = np.cos(angle + margin) if angle < np.pi - margin else cosine - margin * np.sin(margin)
    expected = np.logaddexp(turned, 0.25) - turned
    scores = keras.ops.convert_to_tensor([[cosine, 0.25]], dtype=dtype)
    actual = numbers(arcface(np.array([0]), scores, margin, scale=1.0))
    np.testing.assert_allclose(actual, [expected], atol=digits)


def test_the_gradient_near_an_angle_of_0_is_that_at_a_thousandth():
    def slope(angle):
        # 1 - cos(angle) in float32 has too few digits for the slope at 1e-3.
        scores = keras.ops.convert_to_tensor([[np.cos(angle), -1.0]], dtype=wide_dtype())
        _, (gradient,), _ = value_and_gradients(
            lambda x: keras.ops.sum(arcface(np.array([0]), x, 0.5, scale=1.0)), [scores]
        )
        return numbers(gradient)[0, 0]

    # d/dc of log(1 + exp(-1 - t)) with t = cos(angle + 0.5), and dt/dc = sin(angle + 0.5) / sin(angle).
    for angle in (1e-3, 1e-4, 1e-5, 0.0):
        chance = 1 / (1 + np.exp(1 + np.cos(angle + 0.5)))
        expected = -chance * np.sin(angle + 0.5) / 1e-3
        assert slope(angle) == pytest.approx(expected, rel=2e-2)
    assert slope(0.01) == pytest.approx(
        -np.sin(0.51) / np.sin(0.01) / (1 + np.exp(1 + np.cos(0.51))), rel=2e-2
    )
