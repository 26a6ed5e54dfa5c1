"""BoxIoU against loops over the papers' formulas, and in limiting cases."""

import math

import keras
import numpy as np
import pytest

from keras_cnn_zoo.losses import BoxIoU, box_iou
from keras_cnn_zoo.utils.autodiff import value_and_gradients
from tests.ops.test_boxes import iou_by_hand, random_boxes

KINDS = ("iou", "giou", "diou", "ciou")


def loss_by_hand(true, pred, kind):
    iou = iou_by_hand(true, pred)
    loss = 1 - iou
    left, top = min(true[0], pred[0]), min(true[1], pred[1])
    right, bottom = max(true[2], pred[2]), max(true[3], pred[3])
    area, true_area = ((box[2] - box[0]) * (box[3] - box[1]) for box in (pred, true))
    if kind == "giou":
        # From IoU = i / u and u = a + b - i: i = IoU (a + b) / (1 + IoU).
        union = (area + true_area) / (1 + iou)
        enclosing = (right - left) * (bottom - top)
        loss += (enclosing - union) / enclosing
    if kind in ("diou", "ciou"):
        centres = [((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) for box in (true, pred)]
        loss += math.dist(*centres) ** 2 / ((right - left) ** 2 + (bottom - top) ** 2)
    if kind == "ciou":
        ratios = [(box[2] - box[0]) / (box[3] - box[1]) for box in (true, pred)]
        v = 4 / math.pi**2 * (math.atan(ratios[0]) - math.atan(ratios[1])) ** 2
        loss += v * (v / (1 - iou + v))
    return loss


def reference(y_true, y_pred, kind="giou", bounding_box_format="xyxy"):
    if bounding_box_format == "xywh":
        y_true, y_pred = (
            np.concatenate([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], axis=-1)
            for boxes in (y_true, y_pred)
        )
    return np.array([loss_by_hand(*pair, kind) for pair in zip(y_true, y_pred, strict=True)])


def pairs(bounding_box_format="xyxy"):
    true, pred = (random_boxes(6, seed=seed, size=1.5).astype("float64") for seed in (0, 1))
    pred[0] = true[0] + np.array([0.1, -0.1, 0.2, 0.15])
    if bounding_box_format == "xywh":
        true, pred = (np.concatenate([b[:, :2], b[:, 2:] - b[:, :2]], axis=-1) for b in (true, pred))
    return {"y_true": true, "y_pred": pred}


CASES = [
    dict(
        cls=BoxIoU,
        init_kwargs={"kind": "diou", "bounding_box_format": "xywh"},
        reference=reference,
        **pairs("xywh"),
    ),
    *(dict(cls=BoxIoU, init_kwargs={"kind": kind}, reference=reference, **pairs()) for kind in KINDS),
]


@pytest.mark.parametrize("kind", KINDS)
def test_is_zero_for_equal_boxes(kind):
    boxes = random_boxes(5)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(box_iou(boxes, boxes, kind)), 0, atol=1e-6)


@pytest.mark.parametrize(
    "kind, expected", [("iou", 1.0), ("giou", 1 + 2 / 4), ("diou", 1 + 9 / 17), ("ciou", 1 + 9 / 17)]
)
def test_disjoint_boxes_by_hand(kind, expected):
    value = box_iou(np.array([[0.0, 0, 1, 1]]), np.array([[3.0, 0, 4, 1]]), kind)
    assert float(value[0]) == pytest.approx(expected, rel=1e-6)


def test_aspect_counts_in_ciou_by_hand():
    # Same center; 2 x 1 in 4 x 4: IoU 1/8, and v of ratios 2 and 1.
    v = 4 / math.pi**2 * (math.atan(2) - math.atan(1)) ** 2
    value = box_iou(np.array([[1.0, 1.5, 3, 2.5]]), np.array([[0.0, 0, 4, 4]]), "ciou")
    assert float(value[0]) == pytest.approx(7 / 8 + v * v / (7 / 8 + v), rel=1e-5)


@pytest.mark.parametrize("kind", ["giou", "diou", "ciou"])
def test_pulls_disjoint_boxes_together(kind):
    true, pred = np.array([[0.0, 0, 1, 1]], "float32"), np.array([[3.0, 0, 4, 1]], "float32")
    _, (gradient,), _ = value_and_gradients(lambda x: keras.ops.sum(box_iou(true, x, kind)), [pred])
    assert keras.ops.convert_to_numpy(gradient)[0, 0] > 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [0.0, 1e-6, 1e4])
def test_empty_and_extreme_boxes_are_finite(kind, scale):
    boxes = np.array([[0.0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1], [2, 2, 1, 1]], "float32") * scale
    value, (gradient,), _ = value_and_gradients(
        lambda x: keras.ops.sum(box_iou(boxes[::-1].copy(), x, kind)), [boxes]
    )
    assert np.isfinite(float(value)) and np.isfinite(keras.ops.convert_to_numpy(gradient)).all()


def test_more_axes_give_one_loss_per_box():
    true, pred = random_boxes(2, 3), random_boxes(2, 3, seed=1)
    assert tuple(BoxIoU(reduction="none")(true, pred).shape) == (2, 3)


def test_invalid_arguments_raise():
    with pytest.raises(ValueError, match="`kind` must be one of 'iou', 'giou', 'diou', 'ciou'"):
        BoxIoU("siou")
    with pytest.raises(ValueError, match="`bounding_box_format` must be one of 'xyxy'"):
        BoxIoU(bounding_box_format="corners")
    with pytest.raises(
        ValueError, match=r"`y_true` must have the shape \(\.\.\., 4\). Received: y_true.shape"
    ):
        box_iou(np.zeros((2, 5)), np.zeros((2, 4)))
    with pytest.raises(ValueError, match="`y_pred` must have the shape"):
        BoxIoU()(np.zeros((2, 4)), np.zeros((2, 3)))
