"""LargeMarginSoftmax against equations (18) and (19) by arc cosines, and pytorch-metric-learning."""

import math

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import LargeMarginSoftmax
from keras_cnn_zoo.testing.checks.xla import compiled
from keras_cnn_zoo.testing.probe import as_tensors
from keras_cnn_zoo.utils.autodiff import value_and_gradients

needs_xla = pytest.mark.skipif(keras.backend.backend() == "torch", reason="PyTorch runs eagerly")


def dot(one, other):
    return sum(float(a) * float(b) for a, b in zip(one, other, strict=True))


def psi(angle, margin):
    k = min(int(margin * angle / math.pi), margin - 1)
    return (-1) ** k * math.cos(margin * angle) - 2 * k


def trained(features, kernel, labels, margin, weight):
    """Returns the training logits; `weight` is the paper's lambda."""
    outputs = np.array([[dot(row, column) for column in kernel.T] for row in features])
    for row, label in enumerate(labels):
        own = kernel[:, label]
        length = math.sqrt(dot(features[row], features[row]) * dot(own, own))
        angle = math.acos(max(-1.0, min(1.0, outputs[row, label] / length)))
        margined = length * psi(angle, margin)
        outputs[row, label] = (weight * outputs[row, label] + margined) / (1 + weight)
    return outputs


def reference(inputs, weights, **_):
    return np.array([[dot(row, column) for column in weights["kernel"].T] for row in inputs])


CASES = [
    dict(
        cls=LargeMarginSoftmax,
        init_kwargs={
            "units": 4,
            "margin": 3,
            "annealing_start": 2.0,
            "annealing_rate": 0.5,
            "annealing_power": 1.5,
            "annealing_end": 0.25,
            "kernel_initializer": "he_normal",
            "kernel_regularizer": "l2",
            "kernel_constraint": "non_neg",
        },
        input_shape=(5, 6),
        call_kwargs={"labels": np.array([0, 3, 1, 2, 1])},
        reference=reference,
    ),
    dict(cls=LargeMarginSoftmax, init_kwargs={"units": 3}, input_shape=(2, 4), reference=reference),
]

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(size=(40, 5)).astype("float32")
LABELS = RNG.integers(0, 4, 40)


def numbers(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor), "float64")


def kernel_of(layer):
    return layer.get_weights()[0]


@pytest.mark.parametrize("margin", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("weight", [0.0, 1.5])
def test_training_matches_the_formula(margin, weight):
    layer = LargeMarginSoftmax(4, margin=margin, annealing_start=weight, annealing_rate=0.0)
    outputs = numbers(layer(FEATURES, labels=LABELS, training=True))
    expected = trained(FEATURES, kernel_of(layer), LABELS, margin, weight)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-4)


def test_the_schedule_matches_the_formula():
    layer = LargeMarginSoftmax(
        4, annealing_start=8.0, annealing_rate=0.25, annealing_power=2.0, annealing_end=3.0
    )
    for weight in (8.0, 8 / 1.25**2, 8 / 1.5**2, 3.0, 3.0):
        outputs = numbers(layer(FEATURES, labels=LABELS, training=True))
        np.testing.assert_allclose(
            outputs, trained(FEATURES, kernel_of(layer), LABELS, 4, weight), rtol=1e-4, atol=1e-4
        )
    assert int(layer.step) == 5


def test_the_default_lambda_decreases_to_one_in_8700_steps():
    layer = LargeMarginSoftmax(4)
    layer.build((None, 5))
    for step, weight in ((0, 1000.0), (8727, 1.0), (100_000, 0.0)):
        layer.step.assign(step)
        assert float(layer._weight_of_plain("float32")) == pytest.approx(weight, rel=1e-3, abs=1e-6)


def test_only_training_with_labels_applies_the_margin_and_counts():
    layer = LargeMarginSoftmax(4, annealing_start=0)
    plain = numbers(layer(FEATURES))
    for arguments in ({"labels": LABELS}, {"training": True}, {"labels": LABELS, "training": False}):
        np.testing.assert_array_equal(numbers(layer(FEATURES, **arguments)), plain)
    assert int(layer.step) == 0
    assert not np.array_equal(numbers(layer(FEATURES, labels=LABELS, training=True)), plain)
    assert int(layer.step) == 1


def test_a_margin_of_one_equals_dense_without_bias():
    layer = LargeMarginSoftmax(4, margin=1)
    outputs = numbers(layer(FEATURES, labels=LABELS, training=True))
    dense = keras.layers.Dense(4, use_bias=False)
    dense.build((None, 5))
    dense.set_weights([kernel_of(layer)])
    np.testing.assert_allclose(outputs, numbers(dense(FEATURES)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("margin", [2, 3, 4, 6])
def test_psi_is_continuous_decreasing_and_at_most_the_cosine(margin):
    angles = np.linspace(0, np.pi, 2001)
    layer = LargeMarginSoftmax(2, margin=margin, annealing_start=0, kernel_initializer="identity")
    features = np.stack([np.cos(angles), np.sin(angles)], axis=-1).astype("float32")
    values = numbers(layer(features, labels=np.zeros(2001, int), training=True))[:, 0]
    assert values[0] == pytest.approx(1) and values[-1] == pytest.approx(1 - 2 * margin)
    steps = np.diff(values)
    assert steps.max() < 1e-5 and steps.min() > -1.1 * margin * np.pi / 2000
    assert (values - np.cos(angles)).max() < 1e-5
    np.testing.assert_allclose(values, [psi(angle, margin) for angle in angles], atol=2e-5)


# Not from this package: NumPy's new signature of a hook that PyTorch's tensors define.
@pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning")
@pytest.mark.parametrize("margin", [2, 3, 4])
def test_loss_and_gradient_equal_pytorch_metric_learning(margin):
    torch = pytest.importorskip("torch")
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    layer = LargeMarginSoftmax(4, margin=margin, annealing_start=0)
    layer.build((None, 5))
    peer = losses.LargeMarginSoftmaxLoss(4, 5, margin=margin)
    peer.W.data = torch.tensor(kernel_of(layer))
    features = torch.tensor(FEATURES, requires_grad=True)
    expected = peer(features, torch.tensor(LABELS))
    expected.backward()
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    value, (gradient,), (of_kernel,) = value_and_gradients(
        lambda x: cross_entropy(LABELS, layer(x, labels=LABELS, training=True)), [FEATURES], [layer.kernel]
    )
    assert float(numbers(value)) == pytest.approx(expected.item(), rel=1e-5)
    np.testing.assert_allclose(numbers(gradient), features.grad.numpy(), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(numbers(of_kernel), peer.W.grad.numpy(), rtol=1e-3, atol=1e-5)


def test_column_and_float_labels_are_accepted():
    layer = LargeMarginSoftmax(4, annealing_start=1.0, annealing_rate=0.0)
    outputs = [
        numbers(layer(FEATURES, labels=labels, training=True))
        for labels in (LABELS, LABELS[:, None], LABELS.astype("float32"))
    ]
    np.testing.assert_array_equal(outputs[1], outputs[0])
    np.testing.assert_array_equal(outputs[2], outputs[0])


def test_a_label_of_minus_one_gets_no_margin():
    layer = LargeMarginSoftmax(4, annealing_start=0)
    outputs = numbers(layer(FEATURES[:2], labels=np.array([-1, -1]), training=True))
    np.testing.assert_array_equal(outputs, numbers(layer(FEATURES[:2])))


@pytest.mark.parametrize("label", [4, -2, 2**24, 1.5])
def test_refuses_a_label_outside_the_classes(label):
    layer = LargeMarginSoftmax(4)
    with pytest.raises(ValueError, match=f"`labels` must contain class ids, .* from 0 to 3.* with {label}"):
        layer(FEATURES[:2], labels=np.array([0, label]), training=True)


@needs_xla
def test_a_label_outside_the_classes_gives_nan_if_compiled():
    layer = LargeMarginSoftmax(4, annealing_start=0)
    layer.build(FEATURES.shape)
    call = compiled(lambda x, y: layer(x, labels=y, training=True), layer.variables)
    outputs = numbers(call(*as_tensors([FEATURES[:3].astype("float32"), np.array([-1, 4, 0])])))
    assert np.isnan(outputs).any(axis=1).tolist() == [False, True, False]


@pytest.mark.parametrize("factor", [0.0, 1e-30, 1e30])
def test_zero_tiny_and_huge_features_are_finite(factor):
    layer = LargeMarginSoftmax(4, annealing_start=0)
    layer.build((None, 5))
    features = FEATURES * np.float32(factor)
    value, (gradient,), (of_kernel,) = value_and_gradients(
        lambda x: keras.ops.sum(layer(x, labels=LABELS, training=True)), [features], [layer.kernel]
    )
    assert np.isfinite(float(value))
    assert np.isfinite(numbers(gradient)).all() and np.isfinite(numbers(of_kernel)).all()
    outputs = numbers(layer(features, labels=LABELS, training=True))
    expected = numbers(layer(FEATURES, labels=LABELS, training=True)) * factor
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5 * factor)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_gradient_is_finite_at_angles_0_and_180_degrees(sign):
    layer = LargeMarginSoftmax(2, annealing_start=0, kernel_initializer="identity")
    value, (gradient,), _ = value_and_gradients(
        lambda x: layer(x, labels=np.array([0]), training=True)[0, 0], [np.array([[sign, 0.0]], "float32")]
    )
    assert float(value) == pytest.approx(1.0 if sign > 0 else -7.0)
    # The length scales the logit; a rotation changes it only in second order.
    np.testing.assert_allclose(numbers(gradient), [[sign * float(value), 0.0]], atol=1e-5)


def test_it_trains_in_a_model_with_label_inputs():
    keras.utils.set_random_seed(0)
    features, labels = keras.Input((5,)), keras.Input((), dtype="int32")
    head = LargeMarginSoftmax(4, annealing_start=10.0, annealing_rate=0.1)
    model = keras.Model([features, labels], head(keras.layers.Dense(5)(features), labels=labels))
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    history = model.fit([FEATURES, LABELS], LABELS, batch_size=10, epochs=3, verbose=0)
    assert int(head.step) == 12 and np.isfinite(history.history["loss"]).all()
    model.evaluate([FEATURES, LABELS], LABELS, verbose=0)
    assert int(head.step) == 12
    first = model.predict([FEATURES, LABELS], verbose=0)
    np.testing.assert_array_equal(first, model.predict([FEATURES, 0 * LABELS], verbose=0))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"units": 2.5}, "`units` must be a positive integer. Received: units=2.5"),
        ({"margin": 0}, "`margin` must be a positive integer. Received: margin=0"),
        ({"margin": 1.5}, "`margin` must be a positive integer. Received: margin=1.5"),
        ({"annealing_start": -1}, "`annealing_start` must be a finite number at least 0"),
        ({"annealing_rate": -1}, "`annealing_rate` must be .* Received: annealing_rate=-1"),
        ({"annealing_power": float("inf")}, "`annealing_power` must be .* Received: annealing_power=inf"),
        ({"annealing_end": None}, "`annealing_end` must be .* Received: annealing_end=None"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        LargeMarginSoftmax(**{"units": 2, **arguments})


@pytest.mark.parametrize("shape", [(4,), (2, 3, 4), (2, None)])
def test_refuses_features_of_another_rank(shape):
    with pytest.raises(
        ValueError, match=r"must have the shape \(batch, features\), with a known number .* Received"
    ):
        LargeMarginSoftmax(2).build(shape)


def test_refuses_one_hot_labels():
    message = r"`labels` must have the shape \(batch,\) or \(batch, 1\). Received: labels.shape=\(40, 4\)"
    with pytest.raises(ValueError, match=message):
        LargeMarginSoftmax(4)(FEATURES, labels=np.eye(4)[LABELS], training=True)
