"""BaseLoss against Keras' own Loss, for every reduction, weights, and mask, and against sums in float64."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_cnn_zoo.losses.base_loss import BaseClassLoss, BaseLoss
from keras_cnn_zoo.testing.probe import wide_dtype

REDUCTIONS = ("sum", "sum_over_batch_size", "mean", "mean_with_sample_weight", None, "none")
SHAPES = {
    # Shape of the losses: shapes of weights that Keras takes for them.
    (6,): [None, (6,), (6, 1)],
    (6, 1): [(6,), (6, 4)],
    (6, 4): [None, (6, 4), (6, 1)],
    (3, 4, 5): [(3, 4, 5), (3, 1, 1), (3, 4, 5, 1)],
}
# Keras does not bring a mask and weights with other axes together, on PyTorch weights to be repeated neither.
WEIGHTED = [
    (shape, weights, mask)
    for shape, each in SHAPES.items()
    for weights in each
    for mask in (None, "some", "no entry")
    if mask is None or len(weights or shape) <= len(shape) and np.prod(weights or shape) == np.prod(shape)
]


def squares(y_true, y_pred):
    # `ops.mean` is in float32 on JAX and PyTorch.
    return ops.sum(ops.square(y_true - y_pred), axis=-1) / y_pred.shape[-1]


class Ours(BaseLoss):
    def call(self, y_true, y_pred):
        return squares(y_true, y_pred)


class Theirs(keras.losses.Loss):
    def call(self, y_true, y_pred):
        return squares(y_true, y_pred)


class ClassScore(BaseClassLoss):
    """The score of the class, 0 for a label of -1."""

    def call(self, y_true, y_pred):
        own = ops.equal(ops.cast(y_true, "int32")[..., None], ops.arange(y_pred.shape[-1], dtype="int32"))
        return ops.sum(ops.where(own, y_pred, ops.zeros_like(y_pred)), axis=-1)


def drawn(shape, seed=0, dtype="float32"):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def masked(y_pred, mask):
    """Returns predictions with a Keras mask, set by the only public means: a layer that computes one."""

    class Masker(keras.layers.Layer):
        def call(self, inputs):
            return inputs * 1.0

        def compute_mask(self, inputs, mask_before=None):
            return ops.convert_to_tensor(mask)

    return Masker(dtype="float64" if y_pred.dtype == "float64" else "float32")(y_pred)


def as_numpy(tensor):
    return ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape, weights, mask", WEIGHTED)
def test_reduces_like_keras(reduction, shape, weights, mask):
    y_true, y_pred = drawn((*shape, 2)), drawn((*shape, 2), 1)
    weights = None if weights is None else np.abs(drawn(weights, 2))
    if mask is not None:
        y_pred = masked(y_pred, (drawn(shape, 3) > 0) & (mask == "some"))
    actual = as_numpy(Ours(reduction=reduction)(y_true, y_pred, sample_weight=weights))
    expected = as_numpy(Theirs(reduction=reduction)(y_true, y_pred, sample_weight=weights))
    assert actual.shape == expected.shape and actual.dtype == expected.dtype
    np.testing.assert_allclose(actual, expected, rtol=2e-6)


def test_the_mask_of_the_test_reaches_the_loss():
    y_pred = masked(drawn((4, 2), 1), np.array([True, False, False, False]))
    each = as_numpy(Ours(reduction=None)(drawn((4, 2)), y_pred))
    assert each[0] > 0 and not each[1:].any()


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("with_weights", [False, True])
@pytest.mark.parametrize("with_mask", [False, True])
def test_float64_losses_are_float64_throughout(reduction, with_weights, with_mask):
    if wide_dtype() != "float64":
        pytest.skip("JAX without 64-bit numbers")
    y_true, y_pred = drawn((7, 3), dtype="float64"), drawn((7, 3), 1, "float64")
    weights = np.abs(drawn(7, 2, "float64")) if with_weights else np.ones(7)
    mask = drawn(7, 3) > 0 if with_mask else np.ones(7, bool)
    each = np.square(y_true - y_pred).mean(-1) * weights * mask
    divisor = np.sum(weights * mask) if reduction == "mean_with_sample_weight" else mask.sum()
    expected = {"sum": each.sum(), None: each, "none": each}.get(reduction, each.sum() / divisor)
    loss = Ours(reduction=reduction, dtype="float64")
    scores = masked(y_pred, mask) if with_mask else y_pred
    actual = loss(y_true, scores, sample_weight=weights if with_weights else None)
    assert keras.backend.standardize_dtype(actual.dtype) == "float64"
    np.testing.assert_allclose(as_numpy(actual), expected, rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_only_that_of_the_result(dtype):
    # 70,000 losses are more than float16 can count.
    actual = Ours(dtype=dtype)(np.zeros((70_000, 1)), np.full((70_000, 1), 2.0))
    assert keras.backend.standardize_dtype(actual.dtype) == dtype
    assert float(as_numpy(ops.cast(actual, "float32"))) == 4.0


@pytest.mark.parametrize("reduction", REDUCTIONS[:4])
@pytest.mark.parametrize("weights", [None, np.zeros(0)])
def test_an_empty_batch_costs_nothing(reduction, weights):
    for loss, y_true in ((Ours, np.zeros((0, 2))), (ClassScore, np.zeros(0, "int32"))):
        actual = as_numpy(loss(reduction=reduction)(y_true, np.zeros((0, 2)), sample_weight=weights))
        assert actual.shape == () and actual == 0


def test_nan_stays_nan_if_all_weights_are_zero():
    actual = Ours(reduction="mean_with_sample_weight")(drawn((3, 2)), np.full((3, 2), np.nan), np.zeros(3))
    assert np.isnan(as_numpy(actual))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weights", [None, (6, 4)])
@pytest.mark.parametrize("with_mask", [False, True])
def test_left_out_labels_are_like_those_of_keras(reduction, weights, with_mask):
    labels, scores = np.random.default_rng(0).integers(-1, 3, (6, 4)), np.abs(drawn((6, 4, 3))) + 0.1
    weights = None if weights is None else np.abs(drawn(weights, 2))
    # The score of a class is e to the power of minus the cross-entropy; both leave -1 out.
    y_pred = masked(scores, drawn((6, 4), 3) > 0) if with_mask else scores
    theirs = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, ignore_class=-1, reduction=reduction
    )

    class Ours(BaseClassLoss):
        def call(self, y_true, y_pred):
            y_true = ops.cast(y_true, "int32")
            each = keras.losses.sparse_categorical_crossentropy(ops.maximum(y_true, 0), y_pred, True)
            return ops.where(y_true == -1, ops.zeros_like(each), each)

    actual = as_numpy(Ours(reduction=reduction)(labels, y_pred, sample_weight=weights))
    expected = as_numpy(theirs(labels, y_pred, sample_weight=weights))
    np.testing.assert_allclose(actual, expected, rtol=2e-6)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_integers_reach_the_loss_as_they_are(dtype):
    seen = []

    class Seen(BaseClassLoss):
        def call(self, y_true, y_pred):
            seen.append(y_true)
            return ops.sum(y_pred, axis=-1)

    labels = np.array([2**24, 2**24 + 1, 2**31 - 1])
    Seen(dtype=dtype)(labels, np.zeros((3, 2)))
    np.testing.assert_array_equal(as_numpy(seen[0]), labels)


def test_structures_of_targets_and_predictions():
    class Sum(BaseLoss):
        def call(self, y_true, y_pred):
            return y_true["a"] + y_pred["a"] - y_pred["b"]

    value = Sum(dtype="float32")({"a": np.array([1, 2])}, {"a": np.array([3, 4]), "b": np.array([0.5, 1.5])})
    assert float(as_numpy(value)) == 4.0


def test_a_scalar_loss_stays_as_it_is():
    class Scalar(BaseLoss):
        def call(self, y_true, y_pred):
            return ops.sum(y_pred)

    assert float(as_numpy(Scalar()(np.zeros(2), np.array([1.0, 2.0])))) == 3.0


def test_fit_with_two_outputs_weights_and_mixed_precision():
    inputs = keras.Input((3,))
    outputs = {
        "score": keras.layers.Dense(2, dtype="mixed_bfloat16")(inputs),
        "class": keras.layers.Dense(4, dtype="mixed_bfloat16")(inputs),
    }
    x = drawn((8, 3))
    y = {"score": drawn((8, 2)), "class": np.arange(8) % 5 - 1}
    histories = []
    for jit_compile in (False, True):
        if jit_compile and keras.backend.backend() == "torch":
            continue
        model = keras.Model(inputs, outputs)
        model.compile(
            keras.optimizers.SGD(0.0), loss={"score": Ours(), "class": ClassScore()}, jit_compile=jit_compile
        )
        weights = {"score": np.ones(8), "class": np.abs(drawn(8, 2))}
        history = model.fit(x, y, batch_size=8, sample_weight=weights, verbose=0).history
        predicted = model.predict(x, verbose=0)
        scores = [predicted["class"][place, label] for place, label in enumerate(y["class"])]
        scores = np.where(y["class"] < 0, 0, scores) * weights["class"]
        assert history["class_loss"][0] == pytest.approx(scores.sum() / (y["class"] >= 0).sum(), abs=5e-3)
        assert history["score_loss"][0] == pytest.approx(
            np.square(y["score"] - np.asarray(predicted["score"], "float32")).mean(), rel=5e-3
        )
        histories.append(history["loss"][0])
    assert histories == pytest.approx([histories[0]] * len(histories), rel=1e-2)


def test_a_mean_is_shared_among_the_replicas_of_tensorflow():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("distribution strategies are TensorFlow's")
    tf = pytest.importorskip("tensorflow")

    class TwoReplicas:
        num_replicas_in_sync = 2

    y_true, y_pred = drawn((6, 2)), drawn((6, 2), 1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tf.distribute, "get_strategy", TwoReplicas)
        for reduction in REDUCTIONS:
            actual = as_numpy(Ours(reduction=reduction)(y_true, y_pred))
            expected = as_numpy(Theirs(reduction=reduction)(y_true, y_pred))
            np.testing.assert_allclose(actual, expected, rtol=1e-6)
