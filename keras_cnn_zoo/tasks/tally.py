"""Counts per class of the answers to a split: `per_class` in `metrics.json`, and `confusion.png`."""

import numpy as np

from keras_cnn_zoo.metrics import MeanAveragePrecision
from keras_cnn_zoo.ops.host.boxes import overlaps

# A detected box and a true box are the same object from this intersection over union, as in `map50`.
SAME = 0.5
# The row of a confusion matrix for boxes that are no object, and the column for objects without a box.
NONE = "(none)"


class Tally:
    """Base class of tallies. A subclass counts in `add` and lists its figures in `figures`.

    Args:
        class_names: names in class order.
        extra: names of further rows and columns of the confusion matrix.

    Attributes:
        confusion: int64 array (true class, answered class).
        names: names of its rows and columns.
        examples: number of examples that passed through `watching`.
    """

    def __init__(self, class_names, extra=()):
        self.class_names = tuple(class_names)
        self.names = (*self.class_names, *extra)
        self.examples = 0
        self.confusion = np.zeros((len(self.names), len(self.names)), dtype="int64")

    def watching(self, pairs):
        """Yields pairs (example, answer) as they come, and counts them."""
        for example, answer in pairs:
            self.add(example, answer)
            self.examples += 1
            yield example, answer

    def add(self, example, answer):
        """Counts the answer to an example."""
        raise NotImplementedError(f"{type(self).__name__}.add")

    def figures(self):
        """Returns a list with (count, dict of metrics) of each class; a metric is None without examples."""
        raise NotImplementedError(f"{type(self).__name__}.figures")

    def per_class(self):
        """Returns a list of dicts, one per class, of `name`, `count`, and the task's metrics."""
        return [
            {"name": name, "count": int(count), **metrics}
            for name, (count, metrics) in zip(self.class_names, self.figures(), strict=True)
        ]


class LabelTally(Tally):
    """Examples of each class; `accuracy` is the fraction of them that are answered right."""

    def add(self, example, answer):
        self.confusion[int(example["label"]), answer["class_id"]] += 1

    def figures(self):
        counts = self.confusion.sum(axis=1)
        return [
            (count, {"accuracy": _ratio(right, count)})
            for count, right in zip(counts, np.diag(self.confusion), strict=True)
        ]


class PixelTally(Tally):
    """Pixels of each class, without ignored ones.

    `mean_iou` of a class is its intersection over union, and `pixel_accuracy` the fraction of its pixels that
    are answered right.

    Args:
        class_names: names in class order.
        ignore_label: mask value of ignored pixels.
    """

    def __init__(self, class_names, ignore_label):
        super().__init__(class_names)
        self.ignore_label = ignore_label

    def add(self, example, answer):
        valid = example["mask"] != self.ignore_label
        count = len(self.names)
        places = example["mask"][valid].astype("int64") * count + answer[valid]
        self.confusion += np.bincount(places, minlength=count * count).reshape(count, count)

    def hits_and_union(self):
        """Returns the intersection and the union of true and answered pixels of each class."""
        hits = np.diag(self.confusion)
        return hits, self.confusion.sum(0) + self.confusion.sum(1) - hits

    def figures(self):
        return [
            (count, {"mean_iou": _ratio(hit, union), "pixel_accuracy": _ratio(hit, count)})
            for hit, union, count in zip(*self.hits_and_union(), self.confusion.sum(1), strict=True)
        ]


class ObjectTally(Tally):
    """Objects of each class, without crowds; `map` and `map50` are the average precision of a class.

    In the confusion matrix, boxes with a score of at least `score` are matched with the objects of any class,
    in descending order of intersection over union, from 0.5. What remains is in the row or column `NONE`;
    boxes with half of their area in a crowd are left out.

    Args:
        class_names: names in class order.
        score: lowest score of the boxes in the confusion matrix.
    """

    def __init__(self, class_names, score):
        super().__init__(class_names, (NONE,))
        self.score = score
        self.metric = MeanAveragePrecision()

    def add(self, example, answer):
        self.metric.update_state(batch_of_one(example), batch_of_one(answer))
        crowd = np.asarray(example["crowd"], dtype=bool)
        shown = answer["scores"] >= self.score
        boxes, found = np.asarray(answer["boxes"])[shown], np.asarray(answer["classes"])[shown]
        truth, classes = np.asarray(example["boxes"])[~crowd], np.asarray(example["classes"])[~crowd]
        # (boxes, objects): the pairs that overlap most come first, and each box and object is used once.
        overlap = overlaps(boxes, truth)
        free_boxes, free_objects = np.ones(len(boxes), bool), np.ones(len(truth), bool)
        for place in np.argsort(-overlap, axis=None, kind="stable"):
            box, thing = divmod(int(place), len(truth))
            if overlap[box, thing] < SAME:
                break
            if free_boxes[box] and free_objects[thing]:
                self.confusion[classes[thing], found[box]] += 1
                free_boxes[box] = free_objects[thing] = False
        for class_id in classes[free_objects]:
            self.confusion[class_id, -1] += 1
        inside = overlaps(boxes, np.asarray(example["boxes"])[crowd], of_the_first=True)
        for class_id in found[free_boxes & ~(inside >= SAME).any(axis=1)]:
            self.confusion[-1, class_id] += 1

    def figures(self):
        known, none = self.metric.summary()["classes"], {"map": None, "map50": None}
        return [
            (count, {key: known.get(class_id, none)[key] for key in none})
            for class_id, count in enumerate(self.confusion.sum(axis=1)[:-1])
        ]


def batch_of_one(example):
    """Returns the boxes of an example or an answer as a batch, for `MeanAveragePrecision`."""
    keys = [key for key in ("boxes", "classes", "crowd", "scores") if key in example]
    return {key: np.asarray(example[key])[None] for key in keys}


def _ratio(part, whole):
    return float(part / whole) if whole else None
