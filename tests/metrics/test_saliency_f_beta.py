"""SaliencyFBeta against the evaluation toolbox, as loops over maps and thresholds."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.metrics import SaliencyFBeta


def f_measure(prediction, truth, threshold, beta_squared=0.3):
    """Translates the toolbox's Fmeasure_calu."""
    found = prediction >= min(threshold, 1)
    right = np.count_nonzero(found & truth)
    if right == 0:
        return 0.0
    precision, recall = right / np.count_nonzero(found), right / np.count_nonzero(truth)
    return (1 + beta_squared) * precision * recall / (beta_squared * precision + recall)


def stretched(prediction):
    low, high = prediction.min(), prediction.max()
    return (prediction - low) / (high - low) if high > low else prediction


def toolbox(truths, predictions, kind, normalize=True, beta_squared=0.3, thresholds=256):
    """Returns maxFm, meanFm, or adpFm of the toolbox's main script."""
    rows = []
    for truth, prediction in zip(truths, predictions, strict=True):
        prediction = stretched(prediction) if normalize else prediction
        levels = [2 * prediction.mean()] if kind == "adaptive" else np.arange(thresholds) / (thresholds - 1)
        rows.append([f_measure(prediction, truth, level, beta_squared) for level in levels])
    curve = np.mean(rows, axis=0)
    return curve.max() if kind == "max" else curve.mean()


def batch(seed, maps=3, height=9, width=11):
    """Returns random maps without a value so near a threshold that rounding matters."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(size=(maps, height, width)) < 0.3
    levels = rng.integers(0, 512, truth.shape) + 509 * truth
    levels[:, 0, :2] = 0, 1021
    return truth, (levels / 1021).astype("float32")


def f_beta(*updates, **arguments):
    metric = SaliencyFBeta(**arguments)
    for update in updates:
        metric.update_state(*update)
    return float(metric.result())


TRUTHS, MAPS = batch(0)
CASES = [
    dict(
        cls=SaliencyFBeta,
        init_kwargs={"kind": "mean", "name": "f", "beta_squared": 0.5, "thresholds": 11, "normalize": False},
        updates=[(TRUTHS, MAPS), batch(1, 2)],
        expected=(
            3 * toolbox(TRUTHS, MAPS, "mean", False, 0.5, 11)
            + 2 * toolbox(*batch(1, 2), "mean", False, 0.5, 11)
        )
        / 5,
    ),
    dict(
        cls=SaliencyFBeta,
        init_kwargs={},
        updates=[(TRUTHS[..., None].astype("int32"), MAPS[..., None])],
        expected=toolbox(TRUTHS, MAPS, "max"),
    ),
    dict(
        cls=SaliencyFBeta,
        init_kwargs={"kind": "adaptive"},
        updates=[(TRUTHS, MAPS)],
        expected=toolbox(TRUTHS, MAPS, "adaptive"),
    ),
]


@pytest.mark.parametrize("kind", ["max", "mean", "adaptive"])
@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("seed", range(2, 5))
def test_equals_the_toolbox(seed, kind, normalize):
    truth, prediction = batch(seed, 4)
    if normalize:
        prediction = 0.25 + 0.5 * prediction
    expected = toolbox(truth, np.round(stretched(prediction.astype("float64")) * 1021) / 1021, kind)
    assert f_beta((truth, prediction), kind=kind, normalize=normalize) == pytest.approx(expected, abs=1e-6)


def test_the_maximum_of_a_rescaled_map_counts_as_one_despite_rounding():
    truth, prediction = batch(9, 1)
    short = prediction * np.float32(1 - 2**-23)
    for kind in ("max", "mean"):
        assert f_beta((truth, short), kind=kind, normalize=False) == pytest.approx(
            toolbox(truth, prediction.astype("float64"), kind), abs=1e-6
        )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gray_levels_reach_their_thresholds(dtype):
    """Images of 256 gray levels, counted in integers: level u reaches the thresholds 0 to u."""
    levels = np.arange(256).reshape(1, 16, 16)
    truth = np.random.default_rng(0).uniform(size=levels.shape) < 0.5
    metric = SaliencyFBeta(dtype=dtype)
    metric.update_state(truth, (levels / 255).astype(dtype))
    expected = []
    for level in range(256):
        found = levels >= level
        right = np.sum(found & truth)
        expected.append(1.3 * right / (0.3 * truth.sum() + found.sum()))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(metric.curve()), expected, rtol=1e-6)


def test_by_hand():
    truth = np.array([[[1, 1, 0, 0]]])
    prediction = np.array([[[1.0, 0.5, 0.75, 0.0]]])
    # Down to 0.75: precision 1 or 1/2, recall 1/2; at 0.5: precision 2/3, recall 1; at 0: 1/2 and 1.
    curve = [1.3 * 2 / (0.6 + 4), 1.3 * 2 / (0.6 + 3), 1.3 / (0.6 + 1)]
    metric = SaliencyFBeta(thresholds=3)
    metric.update_state(truth, prediction)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(metric.curve()), curve, rtol=1e-6)
    assert float(metric.result()) == pytest.approx(1.3 / 1.6)
    # Twice the mean is 1.125, above the maximum of 1.
    assert f_beta((truth, prediction), kind="adaptive") == pytest.approx(1.3 / 1.6)


def test_the_maximum_is_that_of_the_mean_curve():
    truth = np.array([[[1, 0]], [[1, 0]]])
    prediction = np.array([[[1.0, 0.6]], [[0.3, 0.0]]])
    each = [f_beta((truth[i : i + 1], prediction[i : i + 1]), normalize=False) for i in range(2)]
    together = f_beta((truth, prediction), normalize=False)
    assert each == pytest.approx([1.0, 1.0])
    # No threshold suits both maps: 0.3 includes the first map's other pixel.
    assert together == pytest.approx((1.3 / (0.3 + 2) + 1) / 2, abs=1e-6)


def test_empty_and_constant_maps_have_finite_values():
    truth, prediction = batch(5, 1)
    assert f_beta((np.zeros_like(truth), prediction)) == 0.0
    # Every pixel reaches threshold 0.
    everything = 1.3 * truth.sum() / (0.3 * truth.sum() + truth.size)
    for kind in ("max", "adaptive"):
        assert f_beta((truth, 0 * prediction), kind=kind) == pytest.approx(everything)
    assert f_beta((truth, 0 * prediction + 1)) == pytest.approx(everything)
    assert f_beta((truth, truth.astype("float32"))) == pytest.approx(1.0)
    assert f_beta((truth, np.full(truth.shape, np.nan))) == 0.0


def test_values_outside_zero_and_one_count_as_zero_and_one():
    truth = np.array([[[1, 0]]])
    assert f_beta((truth, np.array([[[7.0, -3.0]]])), normalize=False, kind="mean") == pytest.approx(1.0)
    assert f_beta((truth, np.array([[[7.0, -3.0]]]))) == pytest.approx(1.0)


def test_sample_weights_weigh_maps():
    truth, prediction = batch(6, 2)
    first = (truth[:1], prediction[:1])
    assert f_beta((truth, prediction, np.array([1.0, 0.0]))) == pytest.approx(f_beta(first), abs=1e-6)


def test_without_maps_and_after_reset_it_is_zero():
    metric = SaliencyFBeta()
    assert float(metric.result()) == 0.0
    metric.update_state(TRUTHS, MAPS)
    metric.reset_state()
    assert float(metric.result()) == 0.0


@pytest.mark.parametrize("kind", ["max", "adaptive"])
def test_it_works_in_fit(kind):
    model = keras.Sequential([keras.Input((9, 11, 1)), keras.layers.Conv2D(1, 1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=[SaliencyFBeta(kind)])
    model.fit(MAPS[..., None], TRUTHS[..., None].astype("float32"), batch_size=2, epochs=1, verbose=0)
    found = model.evaluate(MAPS[..., None], TRUTHS[..., None].astype("float32"), verbose=0, return_dict=True)
    outputs = model.predict(MAPS[..., None], verbose=0)
    assert found["saliency_f_beta"] == pytest.approx(f_beta((TRUTHS, outputs), kind=kind), abs=1e-4)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"kind": "min"}, "`kind` must be one of 'max', 'mean', 'adaptive'. Received: kind='min'"),
        ({"beta_squared": 0}, "`beta_squared` must be a finite number above 0. Received: beta_squared=0"),
        ({"thresholds": 1}, "`thresholds` must be at least 2. Received: thresholds=1"),
        ({"normalize": 1}, "`normalize` must be True or False. Received: normalize=1"),
    ],
)
def test_invalid_arguments_raise(arguments, message):
    with pytest.raises(ValueError, match=message):
        SaliencyFBeta(**arguments)
