"""StructureMeasure against the published script, translated to NumPy."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_cnn_zoo.metrics import StructureMeasure

EPS = np.finfo("float64").eps


def half_up(value):
    """Returns MATLAB's `round` of a positive number."""
    return int(np.floor(value + 0.5))


def similarity(prediction, truth):
    """Returns the script's `ssim` of one quarter."""
    if not prediction.size:
        return 0.0  # The script divides by the number of pixels here.
    x, y = prediction.mean(), truth.mean()
    freedom = max(prediction.size - 1, 1)
    var_x, var_y = np.sum((prediction - x) ** 2) / freedom, np.sum((truth - y) ** 2) / freedom
    cov = np.sum((prediction - x) * (truth - y)) / freedom
    above, below = 4 * x * y * cov, (x**2 + y**2) * (var_x + var_y)
    if above != 0:
        return above / (below + EPS)
    return 1.0 if below == 0 else 0.0


def region(prediction, truth):
    rows, columns = np.nonzero(truth)
    y, x = half_up((rows + 1).mean()), half_up((columns + 1).mean())
    parts = [(slice(0, y), slice(0, x)), (slice(0, y), slice(x, None))]
    parts += [(slice(y, None), slice(0, x)), (slice(y, None), slice(x, None))]
    return sum(similarity(prediction[part], truth[part]) * truth[part].size / truth.size for part in parts)


def evenness(values):
    mean = values.mean()
    deviation = np.std(values, ddof=1) if values.size > 1 else 0.0
    return 2 * mean / (mean**2 + 1 + deviation + EPS)


def script(prediction, truth, alpha=0.5):
    """Returns StructureMeasure.m of one map, at least 0 as in the toolboxes' copy."""
    truth = np.asarray(truth, bool)
    share = truth.mean()
    if share == 0:
        return 1 - prediction.mean()
    if share == 1:
        return prediction.mean()
    inside, outside = evenness(prediction[truth]), evenness(1 - prediction[~truth])
    value = alpha * (share * inside + (1 - share) * outside) + (1 - alpha) * region(
        prediction, truth.astype("float64")
    )
    return max(value, 0.0)


def stretched(prediction):
    low, high = prediction.min(), prediction.max()
    return (prediction - low) / (high - low) if high > low else prediction


def pair(seed, height=12, width=15):
    """Returns a blob and a noisy, blurred copy of it, in float32."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    truth = np.hypot(y - rng.uniform(2, height - 2), x - rng.uniform(2, width - 2)) < rng.uniform(2, 5)
    noise = rng.uniform(0, 1, truth.shape)
    return truth, (0.2 + 0.4 * truth + 0.3 * noise).astype("float32").astype("float64")


def measure(truth, prediction, weights=None, **arguments):
    metric = StructureMeasure(**arguments)
    metric.update_state(np.asarray(truth), np.asarray(prediction), weights)
    return float(metric.result())


PAIRS = [pair(seed) for seed in range(5)]
TRUTHS, MAPS = (np.stack(part) for part in zip(*PAIRS, strict=True))
CASES = [
    dict(
        cls=StructureMeasure,
        init_kwargs={"alpha": 0.3, "normalize": False, "name": "s"},
        updates=[(TRUTHS[:2], MAPS[:2]), (TRUTHS[2:], MAPS[2:])],
        expected=np.mean([script(m, t, 0.3) for t, m in PAIRS]),
    ),
    dict(
        cls=StructureMeasure,
        init_kwargs={},
        updates=[(TRUTHS[..., None].astype("float32"), MAPS[..., None])],
        expected=np.mean([script(stretched(m), t) for t, m in PAIRS]),
    ),
]


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("seed", range(20, 26))
def test_equals_the_script(seed, normalize):
    rng = np.random.default_rng(seed)
    truth, prediction = pair(seed, int(rng.integers(5, 30)), int(rng.integers(5, 30)))
    expected = script(stretched(prediction) if normalize else prediction, truth)
    assert measure([truth], [prediction], normalize=normalize) == pytest.approx(expected, abs=1e-6)


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_equals_the_script_on_small_maps(height, width, seed):
    # Quarters of one pixel, empty quarters, and constant quarters are common here.
    rng = np.random.default_rng(seed)
    truth = rng.uniform(size=(height, width)) < rng.uniform()
    prediction = rng.integers(0, 3, (height, width)) / 2
    expected = script(prediction, truth)
    assert measure([truth], [prediction], normalize=False) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("size", [1, 300])
def test_the_center_of_an_object_of_even_size_is_rounded_up(size):
    # Rows 1 and 2 of 4 (times size): the center is between two rows, and sums are too large for float32.
    truth = np.zeros((4 * size, 4 * size), bool)
    truth[size : 3 * size, size : 3 * size] = True
    prediction = np.linspace(0, 1, truth.size).reshape(truth.shape)
    assert measure([truth], [prediction]) == pytest.approx(script(prediction, truth), abs=2e-6)


def test_truth_without_an_object_or_full_of_it():
    prediction = np.full((1, 4, 6), 0.25)
    assert measure(np.zeros((1, 4, 6)), prediction) == pytest.approx(0.75)
    assert measure(np.ones((1, 4, 6)), prediction) == pytest.approx(0.25)
    assert measure(np.zeros((1, 4, 6)), 0 * prediction) == 1.0
    assert measure(np.ones((1, 4, 6)), 0 * prediction) == 0.0


def test_perfect_maps_give_one_and_inverted_and_empty_maps_little():
    truth, _ = pair(0)
    assert measure([truth], [truth.astype("float32")]) == pytest.approx(1.0)
    assert measure([truth], [1.0 - truth]) < 0.05
    assert measure([truth], [np.zeros(truth.shape)]) == pytest.approx(script(0.0 * truth, truth), abs=1e-6)


@pytest.mark.parametrize("corner", [(0, 0), (0, -1), (-1, 0), (-1, -1)])
def test_empty_quarters_of_an_object_in_the_corner_do_not_count(corner):
    truth = np.zeros((5, 7), bool)
    truth[corner] = True
    prediction = np.random.default_rng(0).uniform(size=truth.shape)
    value = measure([truth], [prediction], normalize=False)
    assert np.isfinite(value) and value == pytest.approx(script(prediction, truth), abs=1e-6)


def test_alpha_0_and_1_give_the_two_terms():
    truth, prediction = pair(3)
    assert measure([truth], [prediction], alpha=0, normalize=False) == pytest.approx(
        region(prediction, truth.astype("float64")), abs=1e-6
    )
    share = truth.mean()
    expected = share * evenness(prediction[truth]) + (1 - share) * evenness(1 - prediction[~truth])
    assert measure([truth], [prediction], alpha=1, normalize=False) == pytest.approx(expected, abs=1e-6)


def test_sample_weights_weigh_maps():
    values = [script(stretched(m), t) for t, m in PAIRS]
    for weights in (np.arange(5.0), np.arange(5.0)[:, None]):
        assert measure(TRUTHS, MAPS, weights) == pytest.approx(np.dot(np.arange(5), values) / 10, abs=1e-6)


def test_without_maps_and_after_reset_it_is_zero():
    metric = StructureMeasure()
    assert float(metric.result()) == 0.0
    metric.update_state(TRUTHS, MAPS)
    metric.reset_state()
    assert float(metric.result()) == 0.0


def test_it_works_in_fit():
    model = keras.Sequential([keras.Input((12, 15, 1)), keras.layers.Conv2D(1, 1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=[StructureMeasure()])
    model.fit(MAPS[..., None], TRUTHS[..., None].astype("float32"), batch_size=2, epochs=1, verbose=0)
    found = model.evaluate(MAPS[..., None], TRUTHS[..., None].astype("float32"), verbose=0, return_dict=True)
    outputs = model.predict(MAPS[..., None], verbose=0)[..., 0].astype("float64")
    expected = np.mean([script(stretched(m), t) for t, m in zip(TRUTHS, outputs, strict=True)])
    assert found["structure_measure"] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("alpha", [-0.1, 1.5, "half"])
def test_refuses_another_alpha(alpha):
    with pytest.raises(ValueError, match="`alpha` must be .* Received: alpha="):
        StructureMeasure(alpha=alpha)


@pytest.mark.parametrize(
    "truth, prediction, weights, message",
    [
        ((2, 3), (2, 3), None, r"`y_true` must have the shape .* Received: y_true.shape=\(2, 3\)"),
        ((1, 2, 3), (1, 2, 3, 2), None, "`y_pred` must have the shape"),
        ((1, 2, 3), (1, 3, 2), None, "must contain maps of the same size"),
        ((2, 2, 3), (1, 2, 3), None, "must contain maps of the same size"),
        ((2, 2, 3), (2, 2, 3), (3,), "`sample_weight` must have one weight per map"),
        ((2, 2, 3), (2, 2, 3), (2, 2, 3), "`sample_weight` must have one weight per map"),
    ],
)
def test_refuses_other_shapes(truth, prediction, weights, message):
    with pytest.raises(ValueError, match=message):
        measure(np.zeros(truth), np.zeros(prediction), None if weights is None else np.ones(weights))
