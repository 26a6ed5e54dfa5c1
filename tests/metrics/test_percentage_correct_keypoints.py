"""PercentageCorrectKeypoints against the benchmarks' scripts, as loops over keypoints."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.metrics import PercentageCorrectKeypoints


def script(truth, found, lengths, alpha):
    """Returns the fraction of all visible keypoints; MPII's script also weighs joints by their counts."""
    hits, count = 0, 0
    for gold, answer, length in zip(truth, found, lengths, strict=True):
        for place, guess in zip(gold, answer, strict=True):
            if not np.isfinite(place).all() or (len(place) == 3 and place[2] <= 0) or not length > 0:
                continue
            count += 1
            hits += np.hypot(guess[0] - place[0], guess[1] - place[1]) / length <= alpha
    return hits / count if count else 0.0


def boxes(truth):
    """Returns the longer side of each example's box, without the published code's pixel."""
    lengths = []
    for gold in truth:
        seen = np.array([p[:2] for p in gold if np.isfinite(p).all() and (len(p) == 2 or p[2] > 0)])
        lengths.append(max(seen.max(axis=0) - seen.min(axis=0)) if len(seen) else 0.0)
    return lengths


def torsos(truth, first, second):
    """Returns the refDist of LSP's script, if both ends are visible."""
    return [
        np.hypot(*(gold[first] - gold[second])[:2]) if min(gold[first][2], gold[second][2]) > 0 else 0.0
        for gold in truth
    ]


def people(seed, examples=6, keypoints=14):
    rng = np.random.default_rng(seed)
    truth = np.concatenate(
        [rng.uniform(0, 100, (examples, keypoints, 2)), rng.integers(0, 3, (examples, keypoints, 1))], axis=2
    )
    return truth, truth[..., :2] + rng.normal(0, 12, (examples, keypoints, 2))


def pck(*updates, **arguments):
    metric = PercentageCorrectKeypoints(**arguments)
    for update in updates:
        metric.update_state(*update)
    return float(metric.result())


TRUTH, FOUND = people(0)
HEADS = np.random.default_rng(9).uniform(20, 40, 6)
CASES = [
    dict(
        cls=PercentageCorrectKeypoints,
        init_kwargs={"alpha": 0.3, "name": "pck30", "reference": (8, 3), "num_keypoints": 14},
        updates=[(TRUTH[:4], FOUND[:4]), (TRUTH[4:], FOUND[4:])],
        expected=script(TRUTH, FOUND, torsos(TRUTH, 8, 3), 0.3),
    ),
    dict(
        cls=PercentageCorrectKeypoints,
        init_kwargs={},
        updates=[(TRUTH, FOUND)],
        expected=script(TRUTH, FOUND, boxes(TRUTH), 0.2),
    ),
    dict(
        cls=PercentageCorrectKeypoints,
        init_kwargs={"alpha": 0.5, "reference": "given"},
        updates=[({"keypoints": TRUTH, "lengths": HEADS}, FOUND)],
        expected=script(TRUTH, FOUND, HEADS, 0.5),
    ),
]


@pytest.mark.parametrize("alpha", [0.05, 0.1, 0.2, 0.5])
@pytest.mark.parametrize("seed", range(1, 4))
def test_equals_the_scripts(seed, alpha):
    truth, found = people(seed, 20)
    lengths = np.random.default_rng(seed).uniform(10, 60, 20)
    for reference, expected in (("box", boxes(truth)), ((9, 2), torsos(truth, 9, 2))):
        assert pck((truth, found), alpha=alpha, reference=reference) == pytest.approx(
            script(truth, found, expected, alpha), abs=1e-6
        )
    given = {"keypoints": truth, "lengths": lengths}
    assert pck((given, found), alpha=alpha, reference="given") == pytest.approx(
        script(truth, found, lengths, alpha), abs=1e-6
    )


def test_pckh_of_a_head_box_by_hand():
    # A head box of 30 by 40 has a diagonal of 50: the length is 0.6 of it, 30, and half of that counts.
    truth = {"keypoints": np.zeros((1, 3, 2)), "lengths": [0.6 * np.hypot(30, 40)]}
    assert pck((truth, [[[15.0, 0], [9, 12], [9, 12.1]]]), alpha=0.5, reference="given") == pytest.approx(
        2 / 3
    )


def test_a_distance_equal_to_the_limit_counts():
    truth = np.array([[[0.0, 0.0], [0.0, 25.0]]])
    assert pck((truth, truth + [3.0, 4.0])) == 1.0
    assert pck((truth, truth + [3.0, 4.01])) == 0.0


def test_keypoints_that_are_not_visible_do_not_count():
    truth = np.array([[[0.0, 0, 1], [10, 10, 2], [500, 500, 0], [np.nan, np.nan, 1]]])
    found = np.array([[[0.0, 0], [30, 30], [0, 0], [0, 0]]])
    assert pck((truth, found)) == 0.5
    assert pck((truth[:, :2, :2], found[:, :2])) == 0.5


def test_an_example_without_a_length_is_left_out():
    alone = np.array([[[5.0, 5, 1], [7, 7, 0]]])
    nobody = np.array([[[5.0, 5, 0], [7, 7, 0]]])
    both = np.array([[[0.0, 0, 1], [0, 8, 1]]])
    exact = np.array([[[5.0, 5.0], [7.0, 7.0]]])
    for reference in ("box", (0, 1)):
        assert pck((alone, exact), reference=reference) == 0.0
        assert pck((nobody, exact), reference=reference) == 0.0
        assert pck((alone, exact), (both, both[..., :2]), (nobody, exact), reference=reference) == 1.0
    given = {"keypoints": np.concatenate([both] * 4), "lengths": [0.0, -1.0, np.nan, 8.0]}
    assert pck((given, np.concatenate([both] * 4)[..., :2]), reference="given") == 1.0


def test_works_with_relative_coordinates():
    assert pck((TRUTH / [100, 100, 1], FOUND / 100)) == pytest.approx(pck((TRUTH, FOUND)), abs=1e-6)


def test_nan_predictions_are_wrong():
    truth = np.array([[[0.0, 0.0], [0.0, 10.0]]])
    assert pck((truth, [[[np.nan, 0], [np.inf, 0]]])) == 0.0
    assert pck((truth, [[[1e30, 0], [0, 10]]])) == 0.5


def test_sample_weights_weigh_examples_or_keypoints():
    truth = np.tile([[[0.0, 0.0], [0.0, 10.0]]], (2, 1, 1))
    found = truth + [[[0.0, 0], [0, 0]], [[0, 0], [90, 0]]]
    assert pck((truth, found)) == 0.75
    assert pck((truth, found, [1.0, 3.0])) == pytest.approx((2 + 3) / 8)
    assert pck((truth, found, [[1.0, 1.0], [1.0, 0.0]])) == 1.0


@pytest.mark.parametrize("reference", ["box", (8, 3), "given"])
def test_each_keypoint_alone_equals_the_script(reference):
    metric = PercentageCorrectKeypoints(alpha=0.3, reference=reference, num_keypoints=14)
    lengths = {"box": boxes(TRUTH), "given": HEADS}.get(reference)
    lengths = torsos(TRUTH, 8, 3) if lengths is None else lengths
    for part in (slice(0, 4), slice(4, 6)):
        truth = TRUTH[part]
        metric.update_state(
            {"keypoints": truth, "lengths": HEADS[part]} if reference == "given" else truth, FOUND[part]
        )
    found = keras.ops.convert_to_numpy(metric.per_keypoint())
    expected = np.array([script(TRUTH[:, k : k + 1], FOUND[:, k : k + 1], lengths, 0.3) for k in range(14)])
    measured = ((TRUTH[..., 2] > 0) & (np.array(lengths)[:, None] > 0)).any(axis=0)
    expected[~measured] = np.nan
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert 0 < np.nanmean(found) < 1
    assert float(metric.result()) == pytest.approx(script(TRUTH, FOUND, lengths, 0.3), abs=1e-6)


def test_weights_count_per_keypoint_too_and_a_keypoint_without_truth_is_nan():
    truth = np.array([[[0.0, 0, 1], [0, 10, 1], [5, 5, 0]]] * 2)
    found = truth[..., :2] + [[[0.0, 0], [0, 9], [0, 0]], [[9, 0], [0, 0], [0, 0]]]
    metric = PercentageCorrectKeypoints(num_keypoints=3)
    metric.update_state(truth, found, [1.0, 3.0])
    np.testing.assert_allclose(keras.ops.convert_to_numpy(metric.per_keypoint()), [0.25, 0.75, np.nan])
    assert float(metric.result()) == 0.5
    metric.reset_state()
    assert float(metric.result()) == 0.0


def test_per_keypoint_needs_their_number():
    with pytest.raises(
        ValueError, match="`per_keypoint` needs `num_keypoints`. Received: num_keypoints=None"
    ):
        PercentageCorrectKeypoints().per_keypoint()
    with pytest.raises(ValueError, match=r"`y_true` must have num_keypoints=5 .* Received: \(6, 14, 3\)"):
        PercentageCorrectKeypoints(num_keypoints=5).update_state(TRUTH, FOUND)
    with pytest.raises(ValueError, match="`num_keypoints` must be a positive integer or None. Received: num"):
        PercentageCorrectKeypoints(num_keypoints=0)


def test_without_keypoints_and_after_reset_it_is_zero():
    metric = PercentageCorrectKeypoints()
    assert float(metric.result()) == 0.0
    metric.update_state(TRUTH, FOUND)
    metric.reset_state()
    assert float(metric.result()) == 0.0


def test_it_works_in_fit():
    model = keras.Sequential([keras.Input((14, 2)), keras.layers.Dense(2)])
    metric = PercentageCorrectKeypoints(alpha=0.5, num_keypoints=14)
    model.compile("sgd", "mse", metrics=[metric])
    places = (TRUTH[..., :2] / 100).astype("float32")
    model.fit(places, places, epochs=1, verbose=0)
    found = model.evaluate(places, places, verbose=0, return_dict=True)["percentage_correct_keypoints"]
    assert found == pytest.approx(
        script(places, model.predict(places, verbose=0), boxes(places), 0.5), abs=1e-6
    )
    # Nothing is missing, so each keypoint has the same number of truths.
    assert keras.ops.convert_to_numpy(metric.per_keypoint()).mean() == pytest.approx(found, abs=1e-6)


@pytest.mark.parametrize("reference", ["torso", 3, (1, 1), (1,), (1, 2, 3), (0, -1), (0, 1.5), None])
def test_refuses_other_references(reference):
    with pytest.raises(
        ValueError, match="`reference` must be 'box', 'given', or a pair .* Received: reference="
    ):
        PercentageCorrectKeypoints(reference=reference)


@pytest.mark.parametrize("alpha", [0, -1, "0.2"])
def test_refuses_other_alphas(alpha):
    with pytest.raises(ValueError, match="`alpha` must be a finite number above 0. Received: alpha="):
        PercentageCorrectKeypoints(alpha=alpha)


@pytest.mark.parametrize(
    "truth, found, reference, message",
    [
        (np.zeros((3, 2)), np.zeros((3, 2)), "box", r"`y_true` must be \(batch, keypoints, 2\)"),
        (np.zeros((1, 3, 2)), np.zeros((1, 4, 2)), "box", "`y_true` must be"),
        (np.zeros((1, 3, 3)), np.zeros((1, 3, 3)), "box", r"Received: \(1, 3, 3\) and \(1, 3, 3\)"),
        (np.zeros((1, 3, 2)), np.zeros((1, 3, 2)), (0, 3), "`reference` must name two of the 3 keypoints"),
        (np.zeros((1, 3, 2)), np.zeros((1, 3, 2)), "given", "`y_true` must be a dict .* Received: ndarray"),
        ({"keypoints": 1}, np.zeros((1, 3, 2)), "given", r"must be a dict .* Received: \['keypoints'\]"),
    ],
)
def test_refuses_other_keypoints(truth, found, reference, message):
    with pytest.raises(ValueError, match=message):
        pck((truth, found), reference=reference)
