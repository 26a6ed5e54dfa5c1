"""MeanAveragePrecision against direct calls of pycocotools and curves computed by hand."""

import contextlib
import io

import keras
import numpy as np
import pytest

from keras_cnn_zoo.metrics import MeanAveragePrecision
from keras_cnn_zoo.metrics.mean_average_precision import TABLE_ROWS, THRESHOLDS

pytest.importorskip("faster_coco_eval")
pytest.importorskip("pycocotools")

BOX = [0.0, 0.0, 10.0, 10.0]
FAR = [50.0, 50.0, 60.0, 70.0]
NONE = [0.0, 0.0, 0.0, 0.0]


def truth(boxes, classes, crowd=None):
    made = {"boxes": np.array(boxes, "float32"), "classes": np.array(classes, "int32")}
    return made if crowd is None else {**made, "crowd": np.array(crowd, bool)}


def found(boxes, classes, scores):
    return {**truth(boxes, classes), "scores": np.array(scores, "float32")}


CASES = [
    dict(
        cls=MeanAveragePrecision,
        init_kwargs={"iou_threshold": 0.6, "max_detections": 2},
        updates=[
            # Class 0: both found, but the best detection is wrong: precision 1/2 at recall 1/2, 2/3 at 1,
            # but two detections count, so recall ends at 1/2.
            (
                truth([[BOX, FAR, NONE]], [[0, 0, -1]]),
                found([[[80.0, 80.0, 90.0, 90.0], BOX, FAR]], [[0, 0, 0]], [[0.9, 0.8, 0.7]]),
            ),
            # Class 1: IoU 0.5 is not enough.
            (truth([[BOX]], [[1]]), found([[[0.0, 0.0, 10.0, 5.0]]], [[1]], [[0.9]])),
        ],
        # 51 of the 101 recalls (0 .. 0.50) are reached, at precision 1/2.
        expected=(0.5 * 51 / 101 + 0.0) / 2,
    ),
    dict(
        cls=MeanAveragePrecision,
        init_kwargs={},
        updates=[
            # IoU 0.8: right at 0.50 .. 0.80, seven of ten.
            (truth([[BOX]], [[3]]), found([[[0.0, 0.0, 10.0, 8.0]]], [[3]], [[0.5]])),
        ],
        expected=0.7,
    ),
]


def by_hand(batches, thresholds=THRESHOLDS, max_detections=100):
    """Calls pycocotools as its demo does, with a data set and a list of results."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    images, annotations, results = [], [], []
    for gold, answer in batches:
        for row in range(len(gold["classes"])):
            images.append({"id": len(images) + 1, "width": 1000, "height": 1000})
            for box, label, crowd in zip(
                gold["boxes"][row], gold["classes"][row], gold["crowd"][row], strict=True
            ):
                if label >= 0:
                    x1, y1, x2, y2 = map(float, box)
                    annotations.append(
                        {
                            "id": len(annotations) + 1,
                            "image_id": len(images),
                            "category_id": int(label) + 1,
                            "bbox": [x1, y1, x2 - x1, y2 - y1],
                            "area": (x2 - x1) * (y2 - y1),
                            "iscrowd": int(crowd),
                        }
                    )
            for box, label, score in zip(
                answer["boxes"][row], answer["classes"][row], answer["scores"][row], strict=True
            ):
                if label >= 0:
                    x1, y1, x2, y2 = map(float, box)
                    results.append(
                        {
                            "image_id": len(images),
                            "category_id": int(label) + 1,
                            "bbox": [x1, y1, x2 - x1, y2 - y1],
                            "score": float(score),
                        }
                    )
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": images,
            "annotations": annotations,
            "categories": [{"id": label + 1} for label in range(9)],
        }
        coco.createIndex()
        # loadRes looks for "info" in some versions.
        coco.dataset["info"] = {}
        evaluation = COCOeval(coco, coco.loadRes(results), "bbox")
        evaluation.params.iouThrs = np.array(thresholds)
        evaluation.params.maxDets = [1, 2, max_detections]
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, -1]
    return precision[precision > -1].mean()


def random_batch(rng, pictures=4, count=6, classes=3):
    """Returns true boxes, and detections: shifted true boxes, wrong boxes, and padding."""
    corner = rng.uniform(0, 60, (pictures, count, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(8, 40, (pictures, count, 2))], -1).astype("float32")
    labels = rng.integers(-1, classes, (pictures, count))
    crowd = (rng.uniform(size=labels.shape) < 0.15) & (labels >= 0)
    moved = boxes + rng.normal(0, 2.5, boxes.shape).astype("float32")
    moved[..., 2:] = np.maximum(moved[..., 2:], moved[..., :2] + 1)
    guesses = np.where(rng.uniform(size=labels.shape) < 0.8, labels, rng.integers(-1, classes, labels.shape))
    # Twice each, so that duplicates count as wrong, with equal scores.
    answer = {
        "boxes": np.concatenate([moved, moved + 1], 1),
        "classes": np.concatenate([guesses, guesses], 1),
        "scores": (rng.integers(1, 12, (pictures, 2 * count)) / 12).astype("float32"),
    }
    return {"boxes": boxes, "classes": labels, "crowd": crowd}, answer


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("iou_threshold, max_detections", [(None, 100), (0.5, 100), (0.75, 3)])
def test_equals_a_direct_call_of_pycocotools(seed, iou_threshold, max_detections):
    rng = np.random.default_rng(seed)
    batches = [random_batch(rng) for _ in range(3)]
    metric = MeanAveragePrecision(iou_threshold=iou_threshold, max_detections=max_detections)
    for batch in batches:
        metric.update_state(*batch)
    thresholds = THRESHOLDS if iou_threshold is None else (iou_threshold,)
    expected = by_hand(batches, thresholds, max_detections)
    assert float(metric.result()) == pytest.approx(expected, abs=1e-7)
    assert 0.05 < expected < 0.95


def test_summary_equals_separate_metrics():
    batches = [random_batch(np.random.default_rng(5)) for _ in range(2)]
    metrics = {None: MeanAveragePrecision(), 0.5: MeanAveragePrecision(iou_threshold=0.5)}
    for metric in metrics.values():
        for batch in batches:
            metric.update_state(*batch)
    summary = metrics[None].summary()
    assert summary["map"] == pytest.approx(float(metrics[None].result()), abs=1e-7)
    assert metrics[0.5].summary() == summary
    assert summary["map50"] == pytest.approx(float(metrics[0.5].result()), abs=1e-7)
    assert set(summary["classes"]) == {0, 1, 2}
    assert np.mean([figures["map75"] for figures in summary["classes"].values()]) == summary["map75"]


def value(gold, answer, **arguments):
    metric = MeanAveragePrecision(**arguments)
    metric.update_state(gold, answer)
    return float(metric.result())


def test_perfect_detections_give_one_and_none_give_zero():
    gold = truth([[BOX, FAR]], [[0, 1]])
    assert value(gold, found([[FAR, BOX]], [[1, 0]], [[0.2, 0.9]])) == 1.0
    assert value(gold, found([[FAR, BOX]], [[0, 1]], [[0.2, 0.9]])) == 0.0
    assert value(gold, found([[NONE]], [[-1]], [[-1.0]])) == 0.0


def test_without_truth_or_without_updates_it_is_zero():
    assert float(MeanAveragePrecision().result()) == 0.0
    assert MeanAveragePrecision().summary() == {"map": 0.0, "map50": 0.0, "map75": 0.0, "classes": {}}
    assert value(truth([[NONE]], [[-1]]), found([[BOX]], [[0]], [[0.9]])) == 0.0
    empty = {"boxes": np.zeros((2, 0, 4)), "classes": np.zeros((2, 0))}
    assert value(empty, {**empty, "scores": np.zeros((2, 0))}) == 0.0


def test_a_class_without_a_true_box_does_not_count():
    gold = truth([[BOX]], [[0]])
    assert value(gold, found([[BOX, FAR]], [[0, 7]], [[0.9, 0.99]])) == 1.0


def test_a_detection_in_an_image_without_objects_counts():
    gold = truth([[BOX], [NONE]], [[0], [-1]])
    assert value(gold, found([[BOX], [BOX]], [[0], [0]], [[0.8], [0.9]])) == pytest.approx(0.5)


def test_crowd_boxes_need_no_detection_and_excuse_detections():
    gold = truth([[BOX, [20.0, 20.0, 90.0, 90.0]]], [[0, 0]], [[False, True]])
    answer = found([[FAR, BOX, [30.0, 30.0, 40.0, 40.0]]], [[0, 0, 0]], [[0.9, 0.8, 0.7]])
    assert value(gold, answer) == 1.0
    assert value({**gold, "crowd": [[False, False]]}, answer) < 0.6
    only = truth([[BOX]], [[0]], [[True]])
    assert value(only, found([[BOX]], [[0]], [[0.9]])) == 0.0


def test_many_boxes_fill_several_tables():
    rng = np.random.default_rng(0)
    count = TABLE_ROWS // 8
    metric = MeanAveragePrecision(iou_threshold=0.5)
    corner = rng.uniform(0, 5000, (5, count, 2))
    boxes = np.concatenate([corner, corner + 5], -1).astype("float32")
    classes = np.zeros((5, count), "int32")
    for row in range(5):
        part = slice(row, row + 1)
        scores = np.full((1, count), 0.5)
        metric.update_state(
            {"boxes": boxes[part], "classes": classes[part]},
            {"boxes": boxes[part], "classes": np.where(np.arange(count) < 50, 0, -1)[None], "scores": scores},
        )
    assert len(metric.tables) == 1 and int(metric.rows) == 5 * (count + 50)
    for row in range(5):
        metric.update_state(
            {"boxes": boxes[row : row + 1], "classes": classes[row : row + 1]},
            {"boxes": boxes[:1, :0], "classes": classes[:1, :0], "scores": np.zeros((1, 0))},
        )
    assert len(metric.tables) == 2 and int(metric.rows) == 10 * count + 250
    # 250 of 10 * count are found and correct: recalls up to that fraction, rounded down to hundredths.
    reached = int(100 * 250 / (10 * count)) + 1
    assert float(metric.result()) == pytest.approx(reached / 101, abs=1e-6)
    metric.reset_state()
    assert float(metric.result()) == 0.0 and int(metric.rows) == 0
    metric.update_state(truth([[BOX]], [[0]]), found([[BOX]], [[0]], [[0.5]]))
    assert float(metric.result()) == 1.0


def test_accepts_tensors():
    gold = {k: keras.ops.convert_to_tensor(v) for k, v in truth([[BOX]], [[0]]).items()}
    answer = {k: keras.ops.convert_to_tensor(v) for k, v in found([[BOX]], [[0]], [[0.5]]).items()}
    assert value(gold, answer) == 1.0


def test_nothing_is_printed(capsys):
    value(truth([[BOX]], [[0]]), found([[BOX]], [[0]], [[0.5]]))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"iou_threshold": 0}, "`iou_threshold` must be a finite number at most 1 and above 0. Received: "),
        ({"iou_threshold": 1.5}, "`iou_threshold` must be a finite number"),
        ({"max_detections": 0}, "`max_detections` must be a positive integer. Received: max_detections=0"),
    ],
)
def test_invalid_arguments_raise(arguments, message):
    with pytest.raises(ValueError, match=message):
        MeanAveragePrecision(**arguments)


@pytest.mark.parametrize(
    "gold, answer, message",
    [
        (
            truth([[BOX]], [[0]]),
            truth([[BOX]], [[0]]),
            r"`y_pred` must be a dict with the keys boxes, scores",
        ),
        (np.zeros((1, 4)), found([[BOX]], [[0]], [[1]]), "`y_true` must be a dict .* Received: ndarray"),
        (
            truth([[BOX]], [[0]]),
            found([[BOX, FAR]], [[0]], [[1]]),
            r"`y_pred` must have classes of shape \(batch, n\).* boxes of shape \(1, 2, 4\)",
        ),
        (
            truth([[BOX]], [[0]]),
            found([[BOX], [BOX]], [[0], [0]], [[1], [1]]),
            "`y_true` and `y_pred` must have the same number of images. Received: 1 and 2",
        ),
        (
            truth([[BOX]], [[0]]),
            found([[BOX]], [[0]], [[float("nan")]]),
            "`y_pred` must be finite. Received: scores",
        ),
        (
            {"boxes": [[BOX]], "classes": [[0.5]]},
            found([[BOX]], [[0]], [[1]]),
            "`y_true` must have integer class",
        ),
    ],
)
def test_refuses_other_boxes(gold, answer, message):
    with pytest.raises(ValueError, match=message):
        value(gold, answer)


def test_refuses_weights():
    metric = MeanAveragePrecision()
    with pytest.raises(ValueError, match="`sample_weight` must be None"):
        metric.update_state(truth([[BOX]], [[0]]), found([[BOX]], [[0]], [[1]]), [1.0])
