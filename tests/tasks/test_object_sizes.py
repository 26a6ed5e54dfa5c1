"""Anchors and the baseline, from the sizes of the objects in detection data."""

import numpy as np
import pytest

from keras_cnn_zoo.metrics import MeanAveragePrecision
from keras_cnn_zoo.tasks.detection import Detection
from keras_cnn_zoo.tasks.object_sizes import anchors_for, usual_boxes
from keras_cnn_zoo.tasks.tally import batch_of_one
from tests.metrics.test_mean_average_precision import by_hand
from tests.tasks.test_detection import example, source_of


def test_anchors_follow_the_sizes_of_the_objects():
    split = source_of([example([[0, 0, 40, 40]], [0], size=(160, 160))] * 3).splits["train"]
    assert anchors_for(split, (160, 160, 3))["min_level"] == 3
    small = anchors_for(split, (64, 64, 3))
    assert small["min_level"] == 2 and small["anchor_sizes"][0] == [16, 23]
    assert len(small["anchor_sizes"]) == 5


def test_the_baseline_tiles_the_mean_box_of_each_class():
    given = [example([[0, 0, 40, 30], [0, 0, 20, 15]], [0, 0]), example([[0, 0, 80, 60]], [1])]
    looked = [{**one, "size": one["image"].shape[:2]} for one in given]
    answer = usual_boxes(looked, 2)
    # Class a: 3/8 of each side, in three columns and rows; class b: the whole picture.
    assert answer["classes"].tolist() == [0] * 9 + [1]
    np.testing.assert_allclose(answer["boxes"][0], [0, 0, 0.375, 0.375])
    np.testing.assert_allclose(answer["boxes"][8], [0.625, 0.625, 1, 1])
    np.testing.assert_allclose(answer["boxes"][9], [0, 0, 1, 1])
    np.testing.assert_allclose(answer["scores"], [2 / 3] * 9 + [1 / 3])
    baseline = Detection().baseline(source_of(given))
    assert baseline["map50"] > 0.5 and set(baseline) == {"map50", "map"}


def small_objects():
    """Returns what `looked_at` does of six images, whose objects are on a grid of 20 by 20 places."""
    rng, looked = np.random.default_rng(4), []
    for _ in range(6):
        corners = 8 * np.stack(np.unravel_index(rng.permutation(400)[:40], (20, 20)), axis=1)
        boxes = np.concatenate([corners, corners + 8], axis=1)
        one = example(boxes, rng.integers(0, 2, 40), size=(160, 160))
        looked.append({**one, "size": (160, 160)})
    return looked


def test_the_baseline_has_as_many_boxes_as_the_metric_counts_and_the_same_numbers():
    looked = small_objects()
    every, counted = usual_boxes(looked, 2), usual_boxes(looked, 2, limit=100)
    assert np.bincount(every["classes"]).tolist() == [400, 400]
    assert np.bincount(counted["classes"]).tolist() == [100, 100]
    # Scores of a class are equal: which boxes count depends on their order, also in pycocotools.
    numbers = []
    for answer in (every, counted):
        answer = {**answer, "boxes": answer["boxes"] * 160}
        metric = MeanAveragePrecision()
        for one in looked:
            metric.update_state(batch_of_one(one), batch_of_one(answer))
        batches = [(batch_of_one(one), batch_of_one(answer)) for one in looked]
        numbers.append((metric.summary(), by_hand(batches)))
    assert numbers[0] == numbers[1] and numbers[0][1] == pytest.approx(numbers[0][0]["map"])
    # Other boxes would give another number.
    assert numbers[0][0]["map"] > 0.01


def test_the_answer_of_the_baseline_is_limited():
    seen = []

    class Watched(Detection):
        def measure(self, source, pairs):
            seen.extend(len(answer["boxes"]) for _, answer in pairs)
            return {}

    Watched().baseline(source_of(small_objects()))
    assert seen == [200] * 6
