import numpy as np
import pytest

from keras_cnn_zoo.data.source import Split
from keras_cnn_zoo.tasks import Detection, Segmentation
from keras_cnn_zoo.tasks.tally import NONE, LabelTally, ObjectTally, PixelTally


def test_labels_are_counted_as_they_pass():
    pairs = [({"label": true}, {"class_id": answer}) for true, answer in [(0, 0), (0, 1), (0, 0), (2, 1)]]
    tally = LabelTally(("a", "b", "c"))
    assert list(tally.watching(iter(pairs))) == pairs
    np.testing.assert_array_equal(tally.confusion, [[2, 1, 0], [0, 0, 0], [0, 1, 0]])
    assert tally.per_class() == [
        {"name": "a", "count": 3, "accuracy": 2 / 3},
        {"name": "b", "count": 0, "accuracy": None},
        {"name": "c", "count": 1, "accuracy": 0.0},
    ]


def test_pixels_are_counted_without_ignored_ones():
    mask = np.array([[0, 0, 1], [1, 1, 255]], "uint8")
    answer = np.array([[0, 1, 1], [1, 0, 2]], "int32")
    tally = PixelTally(("a", "b", "c"), 255)
    tally.add({"mask": mask}, answer)
    # Class a: 1 of 2 pixels, and a pixel of b is called a: 1 of a union of 3.
    assert tally.per_class() == [
        {"name": "a", "count": 2, "mean_iou": 1 / 3, "pixel_accuracy": 0.5},
        {"name": "b", "count": 3, "mean_iou": 0.5, "pixel_accuracy": 2 / 3},
        {"name": "c", "count": 0, "mean_iou": None, "pixel_accuracy": None},
    ]


class Drawn:
    """Data as a tally and a metric see them."""

    def __init__(self, examples):
        self.ignore_label, self.class_names, self.mirror = 255, ("a", "b", "c"), True
        self.splits = {"test": Split([str(i) for i in range(len(examples))], examples.__getitem__)}


def test_the_mean_over_classes_is_the_metric_of_the_task():
    rng = np.random.default_rng(3)
    pairs = [({"mask": rng.integers(0, 2, (9, 7))}, rng.integers(0, 2, (9, 7))) for _ in range(3)]
    task, source = Segmentation(), Drawn([])
    tally = task.tally(source)
    metrics = task.measure(source, tally.watching(iter(pairs)))
    known = [one for one in tally.per_class() if one["count"]]
    assert len(known) == 2
    assert np.mean([one["mean_iou"] for one in known]) == pytest.approx(metrics["mean_iou"])
    right = sum(one["count"] * one["pixel_accuracy"] for one in known)
    assert right / (3 * 63) == pytest.approx(metrics["pixel_accuracy"])


def objects(boxes, classes, **more):
    return {
        "boxes": np.array(boxes, "float32").reshape(-1, 4),
        "classes": np.array(classes, "int32"),
        **{key: np.array(value) for key, value in more.items()},
    }


def test_boxes_are_matched_with_the_object_they_overlap_most():
    pytest.importorskip("pycocotools")
    truth = objects(
        [[0, 0, 10, 10], [20, 0, 30, 10], [50, 50, 90, 90], [60, 0, 70, 10]],
        [0, 1, 1, 2],
        crowd=[False, False, True, False],
    )
    answer = objects(
        # The second overlaps object 0 less than the first; the fifth is in a crowd; the sixth is unsure.
        [[0, 0, 10, 9], [0, 0, 10, 8], [20, 0, 30, 10], [200, 0, 210, 9], [60, 60, 70, 70], [60, 0, 70, 10]],
        [0, 0, 2, 1, 1, 2],
        scores=[0.7, 0.9, 0.8, 0.6, 0.6, 0.4],
    )
    task, source = Detection(), Drawn([])
    tally = task.tally(source)
    metrics = task.measure(source, tally.watching(iter([(truth, answer)])))
    assert tally.names == ("a", "b", "c", NONE)
    expected = [[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 1, 0, 0]]
    np.testing.assert_array_equal(tally.confusion, expected)
    rows = tally.per_class()
    assert [(row["name"], row["count"]) for row in rows] == [("a", 1), ("b", 1), ("c", 1)]
    for key in ("map", "map50"):
        assert np.mean([row[key] for row in rows]) == pytest.approx(metrics[key])


def test_a_class_without_objects_has_no_figures():
    pytest.importorskip("pycocotools")
    tally = ObjectTally(("a", "b"), 0.5)
    tally.add(objects([[0, 0, 4, 4]], [0], crowd=[False]), objects([], [], scores=[]))
    assert tally.per_class() == [
        {"name": "a", "count": 1, "map": 0.0, "map50": 0.0},
        {"name": "b", "count": 0, "map": None, "map50": None},
    ]
    assert tally.confusion.tolist() == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]
