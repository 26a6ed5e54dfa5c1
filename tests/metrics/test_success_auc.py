"""SuccessAUC against the toolkit's loop over frames and thresholds."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.metrics import SuccessAUC


def overlap(first, second):
    """Returns the intersection over union with pixels counted as in the toolkit's calcRectInt."""
    ends = [(box[0] + box[2] - 1, box[1] + box[3] - 1) for box in (first, second)]
    width = max(0, min(ends[0][0], ends[1][0]) - max(first[0], second[0]) + 1)
    height = max(0, min(ends[0][1], ends[1][1]) - max(first[1], second[1]) + 1)
    shared = width * height
    return shared / (first[2] * first[3] + second[2] * second[3] - shared)


def toolkit(sequences, thresholds=21):
    """Returns the mean over sequences of the mean success rate over thresholds."""
    rates = []
    for truth, answer in sequences:
        overlaps = [
            overlap(t, a)
            for t, a in zip(truth, answer, strict=True)
            if np.isfinite(t).all() and min(t[2:]) > 0
        ]
        limits = [step / (thresholds - 1) for step in range(thresholds)]
        rates.append([sum(value > limit for value in overlaps) / len(overlaps) for limit in limits])
    return np.mean(rates)


def sequence(seed, frames=30):
    rng = np.random.default_rng(seed)
    truth = np.concatenate([rng.uniform(20, 80, (frames, 2)), rng.uniform(15, 60, (frames, 2))], axis=1)
    return truth, truth + rng.normal(0, 8, (frames, 4)).clip(-12, 12)


TRUTH, ANSWER = (np.stack(boxes) for boxes in zip(*[sequence(seed, 12) for seed in (5, 6)], strict=True))
TRUTH = TRUTH.copy()
TRUTH[0, 3], TRUTH[1, 5:7, 2] = np.nan, 0.0
CASES = [
    dict(
        cls=SuccessAUC,
        init_kwargs={"thresholds": 11, "name": "auc", "dtype": "float32"},
        updates=[(TRUTH, ANSWER), sequence(7)],
        expected=toolkit([*zip(TRUTH, ANSWER, strict=True), sequence(7)], 11),
    ),
]


def auc(*updates, **arguments):
    metric = SuccessAUC(**arguments)
    for update in updates:
        metric.update_state(*update)
    return float(metric.result())


@pytest.mark.parametrize("seed", range(5))
def test_equals_the_toolkits_loop(seed):
    sequences = [sequence(10 * seed + i, frames=5 + 9 * i) for i in range(3)]
    assert auc(*sequences) == pytest.approx(toolkit(sequences), abs=1e-6)


def test_by_hand():
    # Overlaps 1, 1/3, and 0: 20, 7, and 0 of the 21 thresholds are below.
    truth = [[0.0, 0, 10, 10], [5, 0, 10, 10], [50, 50, 10, 10]]
    answer = [[0.0, 0, 10, 10]] * 3
    assert auc((truth, answer)) == pytest.approx((20 + 7 + 0) / 63, abs=1e-6)


def test_perfect_boxes_miss_the_last_threshold():
    truth, _ = sequence(0)
    assert auc((truth, truth)) == pytest.approx(20 / 21, abs=1e-6)
    assert auc((truth, truth), thresholds=2) == pytest.approx(0.5, abs=1e-6)


def test_sequences_count_equally_at_any_length():
    good, bad = np.tile([[0.0, 0, 5, 5]], (3, 1)), np.tile([[0.0, 0, 5, 5]], (30, 1))
    assert auc((good, good), (bad, bad + 90)) == pytest.approx(10 / 21, abs=1e-6)


def test_padding_is_not_a_frame():
    truth, answer = sequence(3, frames=7)
    padded = np.concatenate([truth, np.full((4, 4), np.nan)])
    filled = np.concatenate([answer, np.zeros((4, 4))])
    assert auc((padded, filled)) == pytest.approx(auc((truth, answer)), abs=1e-6)
    both = (np.stack([padded, padded]), np.stack([filled, filled]))
    assert auc(both) == pytest.approx(auc((truth, answer)), abs=1e-6)


def test_sample_weights_weigh_frames():
    truth = np.tile([[0.0, 0, 5, 5]], (4, 1))
    answer = truth + [[0], [90], [90], [90]]
    assert auc((truth, answer, [3.0, 1, 0, 0])) == pytest.approx(0.75 * 20 / 21, abs=1e-6)


def test_the_curve_falls_and_its_mean_is_the_result():
    metric = SuccessAUC()
    metric.update_state(*sequence(1))
    curve = keras.ops.convert_to_numpy(metric.curve())
    assert curve.shape == (21,) and (np.diff(curve) <= 0).all()
    assert curve.mean() == pytest.approx(float(metric.result()))


def test_no_frames_and_absent_targets_and_nan_boxes_give_zero():
    assert float(SuccessAUC().result()) == 0.0
    assert auc(([[np.nan] * 4], [[0.0, 0, 5, 5]])) == 0.0
    assert auc(([[0.0, 0, 5, 5]], [[np.nan] * 4])) == 0.0
    assert auc(([[0.0, 0, 5, 5]], [[0.0, 0, 0, 0]])) == 0.0


def test_reset_forgets():
    metric = SuccessAUC()
    metric.update_state(*sequence(1))
    metric.reset_state()
    assert float(metric.result()) == 0.0


@pytest.mark.parametrize("thresholds", [0, 1, 2.5])
def test_refuses_too_few_thresholds(thresholds):
    with pytest.raises(ValueError, match="`thresholds` must be .* Received: thresholds="):
        SuccessAUC(thresholds=thresholds)


@pytest.mark.parametrize("shapes", [((3, 4), (4, 4)), ((3, 5), (3, 5)), ((1, 1, 3, 4), (1, 1, 3, 4))])
def test_refuses_other_shapes(shapes):
    with pytest.raises(ValueError, match=r"must both be \(frames, 4\) or \(sequences, frames, 4\)"):
        auc((np.ones(shapes[0]), np.ones(shapes[1])))
