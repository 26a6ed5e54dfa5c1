"""CosFace against loops and pytorch-metric-learning."""

import math

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import CosineDense
from keras_cnn_zoo.losses import CosFace, cosface
from keras_cnn_zoo.utils.autodiff import value_and_gradients


def reference(y_true, y_pred, margin=0.35, scale=64.0):
    losses = []
    for label, row in zip(np.asarray(y_true).ravel(), y_pred, strict=True):
        logits = [scale * (cosine - margin * (place == label)) for place, cosine in enumerate(row)]
        top = max(logits)
        losses.append(top + math.log(sum(math.exp(z - top) for z in logits)) - logits[label])
    return np.array(losses)


RNG = np.random.default_rng(0)
COSINES = RNG.uniform(-0.98, 0.98, (7, 5))
LABELS = np.array([0, 4, 2, 1, 3, 0, 2])

CASES = [
    dict(
        cls=CosFace,
        init_kwargs={"margin": 0.2, "scale": 9.0},
        y_true=LABELS,
        y_pred=COSINES,
        labels="classes",
        reference=reference,
    ),
    dict(
        cls=CosFace,
        init_kwargs={},
        y_true=LABELS[:, None],
        y_pred=COSINES,
        labels="classes",
        reference=reference,
    ),
]


def numbers(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor), "float64")


def test_without_a_margin_it_is_softmax_of_the_scaled_cosines():
    expected = keras.losses.sparse_categorical_crossentropy(LABELS, 9.0 * COSINES, from_logits=True)
    np.testing.assert_allclose(
        numbers(cosface(LABELS, COSINES, 0.0, scale=9.0)), numbers(expected), rtol=1e-4
    )


def test_the_loss_is_log_two_if_two_classes_are_a_margin_apart():
    losses = cosface(np.array([0, 1]), np.array([[0.6, 0.25], [0.1, 0.45]]))
    np.testing.assert_allclose(numbers(losses), np.log(2), rtol=1e-4)


def test_huge_float16_values_are_finite():
    cosines = keras.ops.convert_to_tensor([[-6e4, 6e4], [6e4, -6e4]], dtype="float16")
    value, (gradient,), _ = value_and_gradients(
        lambda x: keras.ops.sum(cosface(np.array([0, 0]), x)), [cosines]
    )
    assert np.isfinite(float(value)) and np.isfinite(numbers(gradient)).all()


def test_loss_and_gradient_with_cosine_dense_are_those_of_pytorch_metric_learning():
    torch = pytest.importorskip("torch")
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    features = RNG.normal(size=(20, 6)).astype("float32")
    labels = RNG.integers(0, 5, 20)
    head = CosineDense(5)
    head.build((None, 6))
    peer = losses.CosFaceLoss(5, 6, margin=0.25, scale=16)
    peer.W.data = torch.tensor(head.get_weights()[0])
    inputs = torch.tensor(features, requires_grad=True)
    expected = peer(inputs, torch.tensor(labels))
    expected.backward()
    loss = CosFace(0.25, scale=16)
    value, (gradient,), (of_kernel,) = value_and_gradients(
        lambda x: loss(labels, head(x)), [features], [head.kernel]
    )
    assert float(value) == pytest.approx(expected.item(), rel=1e-5)
    np.testing.assert_allclose(numbers(gradient), inputs.grad.numpy(), rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(numbers(of_kernel), peer.W.grad.numpy(), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"margin": -0.1}, "`margin` must be a finite number at least 0. Received: margin=-0.1"),
        ({"scale": -64}, "`scale` must be a finite number above 0. Received: scale=-64"),
    ],
)
def test_invalid_arguments_raise(arguments, message):
    with pytest.raises(ValueError, match=message):
        CosFace(**arguments)
