"""Mean average precision of detected objects, as defined by COCO."""

import contextlib
import io

import keras
import numpy as np
from keras import ops

from keras_cnn_zoo.metrics.host import on_host
from keras_cnn_zoo.utils import validation

# COCO's ten thresholds, 0.50 to 0.95.
THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
# True boxes and detections are kept in tables of this many rows. If the last table is full, another is added.
TABLE_ROWS = 8192
_COLUMNS = ("picture", "detected", "class", "x1", "y1", "x2", "y2", "score_or_crowd")


@keras.saving.register_keras_serializable(package="keras_cnn_zoo")
class MeanAveragePrecision(keras.metrics.Metric):
    """Mean over classes of the area under the precision-recall curve of detected boxes.

    A detection is correct if a true box of its class overlaps it with an intersection over union of at least
    the threshold, and no detection with a higher score matched this box. Precision is made non-increasing,
    read at 101 recalls, and averaged. Then the mean is taken over the classes in the truth and, without an
    `iou_threshold`, over the ten thresholds 0.50, 0.55 .. 0.95. A crowd box need not be detected, and
    detections in it are not errors. The package faster-coco-eval counts everything; the result equals that of
    pycocotools. Without any true box it is 0.

    The boxes are compared on the host, so call the metric eagerly, on the output of `predict`. As a metric of
    `compile` it works with `run_eagerly=True` on TensorFlow and PyTorch, but not on JAX, where Keras traces
    metrics first. It needs the package faster-coco-eval.

    Reference: Lin et al., 2014, "Microsoft COCO: Common Objects in Context", arXiv:1405.0312.

    Args:
        name: Name of the metric. Defaults to `"mean_average_precision"`.
        dtype: Dtype of the result; None for Keras' float type. Boxes and scores are kept in float32.
        iou_threshold: A single threshold in (0, 1], such as 0.5 for mAP50; None for the mean over COCO's ten.
            Defaults to None.
        max_detections: Number of detections per class and image that count, best scores first. Defaults to
            100.

    Call arguments:
        y_true: Dict of `boxes`, (batch, n, 4) as (x1, y1, x2, y2), `classes`, (batch, n) integers with -1 for
            padding, and optionally `crowd`, (batch, n) booleans.
        y_pred: Dict of `boxes`, (batch, m, 4), `scores`, (batch, m), and `classes`, (batch, m) integers with
            -1 for padding.
        sample_weight: None; average precision does not support weights.

    Raises:
        ValueError: for an argument outside its range, missing keys, incompatible shapes, scores or boxes that
            are not finite, or weights.

    >>> import numpy as np
    >>> truth = {"boxes": np.array([[[0, 0, 10, 10], [20, 20, 30, 30]]]), "classes": np.array([[0, 0]])}
    >>> found = {**truth, "scores": np.array([[0.9, 0.8]]), "classes": np.array([[0, -1]])}
    >>> metric = MeanAveragePrecision()
    >>> metric.update_state(truth, found)
    >>> round(float(metric.result()), 3)
    0.505
    """

    def __init__(self, name="mean_average_precision", dtype=None, *, iou_threshold=None, max_detections=100):
        super().__init__(name=name, dtype=dtype)
        self._direction = "up"  # Keras' callbacks read this for `mode="auto"`.
        if iou_threshold is not None:
            iou_threshold = validation.finite_number("iou_threshold", iou_threshold, above=0, maximum=1)
        self.iou_threshold = iou_threshold
        self.max_detections = validation.positive_integer("max_detections", max_detections)
        self.pictures = self.add_weight(name="pictures", initializer="zeros", dtype="int32")
        self.rows = self.add_weight(name="rows", initializer="zeros", dtype="int32")
        self.tables = [self._table(0)]

    def update_state(self, y_true, y_pred, sample_weight=None):
        if sample_weight is not None:
            validation.fail("sample_weight", "None: average precision supports no weights", sample_weight)
        truth = _arrays("y_true", y_true, ("boxes", "classes"), ("crowd",))
        found = _arrays("y_pred", y_pred, ("boxes", "scores", "classes"))
        if len(truth["boxes"]) != len(found["boxes"]):
            raise ValueError(
                "`y_true` and `y_pred` must have the same number of images. "
                f"Received: {len(truth['boxes'])} and {len(found['boxes'])}"
            )
        first = int(ops.convert_to_numpy(self.pictures))
        crowd = truth.get("crowd", np.zeros_like(truth["classes"]))
        self._append(
            np.concatenate(
                [
                    _rows(first, 0, truth["classes"], truth["boxes"], crowd),
                    _rows(first, 1, found["classes"], found["boxes"], found["scores"]),
                ]
            )
        )
        self.pictures.assign(first + len(truth["boxes"]))

    def result(self):
        precision = self._precision(THRESHOLDS if self.iou_threshold is None else (self.iou_threshold,))
        value = np.mean(list(precision.values())) if precision else 0.0
        return ops.convert_to_tensor(value, dtype=self.dtype)

    def summary(self):
        """Computes the usual metrics of all boxes so far, in one pass.

        Returns:
            A dict of `map` (mean over the ten thresholds), `map50`, `map75`, and `classes`: a dict from class
            id to the same three values of that class, for each class in the truth.
        """
        at_75 = THRESHOLDS.index(0.75)
        classes = {
            class_id: {"map": float(values.mean()), "map50": float(values[0]), "map75": float(values[at_75])}
            for class_id, values in self._precision(THRESHOLDS).items()
        }
        means = {
            key: float(np.mean([figures[key] for figures in classes.values()])) if classes else 0.0
            for key in ("map", "map50", "map75")
        }
        return {**means, "classes": classes}

    def get_config(self):
        return {
            **super().get_config(),
            "iou_threshold": self.iou_threshold,
            "max_detections": self.max_detections,
        }

    def _table(self, number):
        return self.add_weight(
            name=f"table_{number}",
            shape=(TABLE_ROWS, len(_COLUMNS)),
            initializer="zeros",
            # Half precision cannot represent pixels and image numbers.
            dtype="float32",
        )

    def _append(self, rows):
        count = int(ops.convert_to_numpy(self.rows))
        self.rows.assign(count + len(rows))
        while len(rows):
            number, start = divmod(count, TABLE_ROWS)
            if number == len(self.tables):
                self.tables.append(self._table(number))
            values = np.array(ops.convert_to_numpy(self.tables[number]))
            part = rows[: TABLE_ROWS - start]
            values[start : start + len(part)] = part
            self.tables[number].assign(values)
            rows, count = rows[len(part) :], count + len(part)

    def _precision(self, thresholds):
        """Returns a dict from class id to the average precision per threshold, for classes in the truth."""
        count = int(ops.convert_to_numpy(self.rows))
        held = np.concatenate([ops.convert_to_numpy(table) for table in self.tables])[:count]
        truth, found = held[held[:, 1] == 0], held[held[:, 1] == 1]
        if not len(truth):
            return {}
        return average_precision(truth, found, thresholds, self.max_detections)


def average_precision(truth, found, thresholds, max_detections):
    """Computes average precision with faster-coco-eval.

    Args:
        truth: array (n, 8) of image, 0, class, x1, y1, x2, y2, crowd.
        found: array (m, 8) of image, 1, class, x1, y1, x2, y2, score.
        thresholds: sequence of intersections over union.
        max_detections: number of detections per class and image that count.

    Returns:
        A dict from class id to an array of one value per threshold.
    """
    from faster_coco_eval import COCO, COCOeval_faster

    pictures = np.unique(np.concatenate([truth[:, 0], found[:, 0]])).astype(int)
    classes = np.unique(truth[:, 2]).astype(int)
    # It prints to standard output, which is for a program's results.
    with contextlib.redirect_stdout(io.StringIO()):
        gold, answer = COCO(), COCO()
        for coco, annotations in ((gold, truth), (answer, found)):
            coco.dataset = {
                "images": [{"id": int(picture)} for picture in pictures],
                "categories": [{"id": int(class_id)} for class_id in classes],
                "annotations": _annotations(annotations),
            }
            coco.createIndex()
        evaluation = COCOeval_faster(gold, answer, "bbox")
        evaluation.params.iouThrs = np.array(thresholds, dtype="float64")
        evaluation.params.maxDets = [max_detections]
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0.0, float("inf")]], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    # (thresholds, recalls, classes, areas, detections), -1 for a class with only crowd boxes.
    precision = evaluation.eval["precision"][:, :, :, 0, 0]
    return {
        int(class_id): precision[:, :, position].mean(axis=1)
        for position, class_id in enumerate(classes)
        if (precision[:, :, position] > -1).all()
    }


def _annotations(rows):
    annotations = []
    # The package reads an id of 0 as "not matched".
    for number, row in enumerate(rows.astype("float64"), start=1):
        picture, detected, class_id, x1, y1, x2, y2, last = row.tolist()
        annotations.append(
            {
                "id": number,
                "image_id": int(picture),
                "category_id": int(class_id),
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "area": (x2 - x1) * (y2 - y1),
                "iscrowd": 0 if detected else int(last),
                "score": last,
            }
        )
    return annotations


def _rows(first, detected, classes, boxes, last):
    """Returns the boxes as rows of the table, without the padding."""
    picture, _ = np.nonzero(classes >= 0)
    kept = classes >= 0
    columns = [first + picture, np.full(len(picture), detected), classes[kept], *boxes[kept].T, last[kept]]
    return np.stack([np.asarray(column, dtype="float32") for column in columns], axis=1)


def _arrays(name, values, keys, optional=()):
    """Converts a batch of boxes to arrays on the host and checks them."""
    if not hasattr(values, "keys") or not set(keys) <= set(values.keys()):
        received = sorted(values.keys()) if hasattr(values, "keys") else type(values).__name__
        raise ValueError(f"`{name}` must be a dict with the keys {', '.join(keys)}. Received: {received}")
    arrays = {key: _on_host(name, values[key]) for key in (*keys, *optional) if key in values}
    shape = arrays["classes"].shape
    for key, array in arrays.items():
        expected = (*shape, 4) if key == "boxes" else shape
        if len(shape) != 2 or array.shape != expected:
            raise ValueError(
                f"`{name}` must have classes of shape (batch, n) and boxes of shape (batch, n, 4). Received: "
                f"classes of shape {shape} and {key} of shape {array.shape}"
            )
        if not np.isfinite(array[arrays["classes"] >= 0]).all():
            raise ValueError(f"`{name}` must be finite. Received: {key} with NaN or infinite values")
    if np.any(arrays["classes"] != np.floor(arrays["classes"])):
        raise ValueError(f"`{name}` must have integer class ids. Received: {arrays['classes'].ravel()[:8]}")
    return arrays


def _on_host(name, values):
    return np.asarray(on_host("MeanAveragePrecision", "boxes", name, values), dtype="float64")
