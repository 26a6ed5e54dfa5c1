"""TrackingPrecision against the toolkit's loop over frames."""

import numpy as np
import pytest

from keras_cnn_zoo.metrics import TrackingPrecision


def toolkit(sequences, threshold=20.0):
    """Returns the mean over sequences of the fraction of frames whose centers are near."""
    shares = []
    for truth, answer in sequences:
        hits = []
        for t, a in zip(truth, answer, strict=True):
            if np.isfinite(t).all() and min(t[2:]) > 0:
                middles = [(box[0] + (box[2] - 1) / 2, box[1] + (box[3] - 1) / 2) for box in (t, a)]
                distance = np.hypot(middles[0][0] - middles[1][0], middles[0][1] - middles[1][1])
                hits.append(distance <= threshold)
        shares.append(sum(hits) / len(hits))
    return np.mean(shares)


def sequence(seed, frames=30):
    rng = np.random.default_rng(seed)
    truth = np.concatenate([rng.uniform(20, 80, (frames, 2)), rng.uniform(15, 60, (frames, 2))], axis=1)
    return truth, truth + rng.normal(0, 14, (frames, 4))


TRUTH, ANSWER = (np.stack(boxes) for boxes in zip(*[sequence(seed, 12) for seed in (5, 6)], strict=True))
TRUTH = TRUTH.copy()
TRUTH[0, 3], TRUTH[1, 5:7, 3] = np.nan, 0.0
CASES = [
    dict(
        cls=TrackingPrecision,
        init_kwargs={"threshold": 12.5, "name": "precision12", "dtype": "float32"},
        updates=[(TRUTH, ANSWER), sequence(7)],
        expected=toolkit([*zip(TRUTH, ANSWER, strict=True), sequence(7)], 12.5),
    ),
]


def precision(*updates, **arguments):
    metric = TrackingPrecision(**arguments)
    for update in updates:
        metric.update_state(*update)
    return float(metric.result())


@pytest.mark.parametrize("threshold", [0.0, 5.0, 20.0, 50.0])
def test_equals_the_toolkits_loop(threshold):
    sequences = [sequence(seed, frames=5 + 9 * seed) for seed in range(3)]
    assert precision(*sequences, threshold=threshold) == pytest.approx(
        toolkit(sequences, threshold), abs=1e-6
    )


def test_a_distance_equal_to_the_threshold_counts():
    truth, answer = [[0.0, 0, 10, 10]], [[12.0, 16, 10, 10]]
    assert precision((truth, answer)) == 1.0
    assert precision((truth, answer), threshold=19.9) == 0.0


def test_the_size_of_a_box_moves_its_center():
    assert precision(([[0.0, 0, 10, 10]], [[-20.0, -20, 50, 50]]), threshold=0) == 1.0


def test_sequences_count_equally_and_absent_targets_do_not_count():
    near, far = np.tile([[0.0, 0, 5, 5]], (3, 1)), np.tile([[0.0, 0, 5, 5]], (30, 1))
    assert precision((near, near), (far, far + 90)) == 0.5
    absent = far.copy()
    absent[2:] = np.nan
    assert precision((absent, far)) == 1.0


def test_sample_weights_weigh_frames():
    truth = np.tile([[0.0, 0, 5, 5]], (4, 1))
    assert precision((truth, truth + [[0], [90], [90], [90]], [3.0, 1, 0, 0])) == pytest.approx(0.75)


def test_no_frames_and_nan_boxes_give_zero():
    assert float(TrackingPrecision().result()) == 0.0
    assert precision(([[0.0, 0, 5, 5]], [[np.nan] * 4])) == 0.0


@pytest.mark.parametrize("threshold", [-1, float("inf"), "20"])
def test_refuses_a_threshold_that_is_not_a_distance(threshold):
    with pytest.raises(ValueError, match="`threshold` must be a finite number at least 0"):
        TrackingPrecision(threshold=threshold)


def test_refuses_other_shapes():
    with pytest.raises(ValueError, match="`y_true` and `y_pred` must both be"):
        precision((np.ones((3, 4)), np.ones((2, 4))))
