"""OneShotError against Lake's demonstration script, and the trials of `one_shot_trials`."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.metrics import OneShotError, one_shot_trials


def script(places, scores, kind):
    """Translates classification_run: a cost matrix, its best column per row, and the mean over runs."""
    wrong = 0
    for place, row in zip(places, scores, strict=True):
        best = 0
        for column, value in enumerate(row):
            if value < row[best] if kind == "distance" else value > row[best]:
                best = column
        wrong += best != place
    return wrong / len(places)


def trials(seed, count=40, ways=20):
    rng = np.random.default_rng(seed)
    places = rng.integers(0, ways, count)
    scores = rng.normal(size=(count, ways)).astype("float32")
    scores[np.arange(count), places] += 1.5
    return places, scores


def error(*updates, **arguments):
    metric = OneShotError(**arguments)
    for update in updates:
        metric.update_state(*update)
    return float(metric.result())


PLACES, SCORES = trials(0)
CASES = [
    dict(
        cls=OneShotError,
        init_kwargs={"kind": "distance", "name": "error"},
        updates=[(PLACES[:30], -SCORES[:30]), (PLACES[30:], -SCORES[30:])],
        expected=script(PLACES, -SCORES, "distance"),
    ),
    dict(
        cls=OneShotError,
        init_kwargs={},
        updates=[(PLACES[:, None], SCORES)],
        expected=script(PLACES, SCORES, "similarity"),
    ),
]


@pytest.mark.parametrize("ways", [2, 5, 20])
@pytest.mark.parametrize("kind", ["similarity", "distance"])
def test_equals_the_script(kind, ways):
    places, scores = trials(ways, 100, ways)
    scores = -scores if kind == "distance" else scores
    expected = script(places, scores, kind)
    assert 0 < expected < 1
    assert error((places, scores), kind=kind) == pytest.approx(expected, abs=1e-6)


def test_equal_scores_have_the_error_of_guessing():
    assert error((np.arange(20), np.ones((20, 20)))) == pytest.approx(0.95)
    assert error(([0, 1, 2], [[1.0, 1, 0]] * 3)) == pytest.approx((0.5 + 0.5 + 1) / 3)


def test_a_nan_score_is_an_error():
    assert error(([0, 0], [[np.nan, 0.0], [1.0, np.nan]])) == 1.0
    assert error(([0, 0], [[np.inf, 0.0], [-np.inf, 0.0]])) == 0.5


def test_sample_weights_weigh_trials():
    assert error(([0, 1], [[1.0, 0], [1, 0]], [3.0, 1.0])) == pytest.approx(0.25)


def test_half_precision_scores_are_compared_exactly():
    scores = keras.ops.cast(SCORES, "bfloat16")
    wide = keras.ops.convert_to_numpy(keras.ops.cast(scores, "float32"))
    metric = OneShotError()
    metric.update_state(PLACES, scores)
    assert float(metric.result()) == pytest.approx(error((PLACES, wide)))


def test_without_trials_and_after_reset_it_is_zero():
    metric = OneShotError()
    assert float(metric.result()) == 0.0
    metric.update_state(PLACES, SCORES)
    metric.reset_state()
    assert float(metric.result()) == 0.0


def test_it_works_in_fit():
    model = keras.Sequential([keras.Input((20,)), keras.layers.Dense(20)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss, metrics=[OneShotError()])
    model.fit(SCORES, PLACES, epochs=1, verbose=0)
    found = model.evaluate(SCORES, PLACES, verbose=0, return_dict=True)["one_shot_error"]
    assert found == pytest.approx(script(PLACES, model.predict(SCORES, verbose=0), "similarity"), abs=1e-6)


def test_drawn_trials_have_one_right_support_example():
    class_ids = np.repeat(np.arange(30), np.arange(30) + 1)
    tests, supports, places = one_shot_trials(class_ids, ways=20, runs=4, seed=3)
    assert tests.shape == places.shape == (80,) and supports.shape == (80, 20)
    for test, support, place in zip(tests, supports, places, strict=True):
        assert len(set(class_ids[support])) == 20
        assert class_ids[support[place]] == class_ids[test] and support[place] != test
        assert 0 not in class_ids[support]  # A class of one example is in no trial.
    # The trials of a run share the support, and each class is tested once.
    for run in np.split(np.arange(80), 4):
        assert (supports[run] == supports[run[0]]).all()
        assert sorted(places[run]) == list(range(20))
    assert not np.array_equal(supports[0], supports[20])


def test_the_seed_determines_the_trials():
    ids = np.arange(200) // 5
    first, again, other = (one_shot_trials(ids, seed=seed) for seed in (1, 1, 2))
    assert len(first[0]) == 400
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])


def test_works_with_embeddings_of_drawn_trials():
    rng = np.random.default_rng(0)
    ids = np.arange(120) // 4
    embeddings = rng.normal(size=(30, 8))[ids] + 0.01 * rng.normal(size=(120, 8))
    tests, supports, places = one_shot_trials(ids, runs=2)
    distances = np.linalg.norm(embeddings[tests][:, None] - embeddings[supports], axis=-1)
    assert error((places, distances), kind="distance") == 0.0
    assert error((places, distances)) == 1.0


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"class_ids": np.zeros((3, 2))}, "`class_ids` must have one axis. Received: an array of shape"),
        ({"class_ids": np.arange(100)}, "must have 20 classes with two or more examples. Received: 0"),
        ({"ways": 1}, "`ways` must be at least 2. Received: ways=1"),
        ({"runs": 0}, "`runs` must be a positive integer. Received: runs=0"),
        ({"seed": -1}, "`seed` must be a non-negative integer. Received: seed=-1"),
    ],
)
def test_refuses_trials_that_cannot_be_drawn(arguments, message):
    with pytest.raises(ValueError, match=message):
        one_shot_trials(**{"class_ids": np.arange(100) // 2, **arguments})


def test_refuses_another_kind():
    with pytest.raises(ValueError, match="`kind` must be one of .* Received: kind='cost'"):
        OneShotError(kind="cost")


@pytest.mark.parametrize("shapes", [((4,), (4,)), ((4, 2), (4, 2)), ((), (4, 2)), ((4,), (4, 2, 2))])
def test_refuses_other_shapes(shapes):
    with pytest.raises(ValueError, match=r"`y_true` must be \(trials,\) or \(trials, 1\)"):
        error((np.zeros(shapes[0]), np.zeros(shapes[1])))
