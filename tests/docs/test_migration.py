"""The formulas of KerasCV, as its source states them, against their successors on the migration page."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo import losses
from tests.helpers import ROOT

PAGE = (ROOT / "docs" / "migration.md").read_text(encoding="utf-8")


def changes(name):
    """Returns the last cell of the row of a name."""
    (row,) = (line for line in PAGE.splitlines() if line.startswith("|") and name in line.split(" | ")[0])
    return row.strip("| ").split(" | ")[-1]


def focal(y_true, y_pred, alpha=0.25, gamma=2):
    """KerasCV's FocalLoss: a sum over the last axis, and the mean over the rest."""
    right = y_true * y_pred + (1 - y_true) * (1 - y_pred)
    weight = np.where(y_true == 1, alpha, 1 - alpha)
    return (weight * (1 - right) ** gamma * -np.log(right)).sum(axis=-1).mean()


def smooth_l1(difference, cutoff):
    """KerasCV's SmoothL1Loss of one number."""
    return 0.5 * difference**2 if difference < cutoff else difference - 0.5


def test_the_focal_loss_is_that_of_keras_times_the_number_of_classes():
    rng = np.random.default_rng(0)
    y_true = np.eye(5)[rng.integers(0, 5, 7)]
    y_pred = rng.uniform(0.05, 0.95, (7, 5))
    given = float(keras.losses.BinaryFocalCrossentropy(apply_class_balancing=True)(y_true, y_pred))
    assert 5 * given == pytest.approx(focal(y_true, y_pred), rel=1e-5)
    assert "multiply by the number of classes" in changes("`losses.FocalLoss")


@pytest.mark.parametrize(("cutoff", "same"), [(1.0, True), (0.5, False), (2.0, False)])
def test_the_smooth_l1_loss_is_hubers_for_a_cutoff_of_1_only(cutoff, same):
    points = [0.2, 0.7, 1.5, 3.0]
    loss = keras.losses.Huber(delta=cutoff)
    given = [float(loss(np.zeros((1, 1)), np.full((1, 1), point))) for point in points]
    assert np.allclose(given, [smooth_l1(point, cutoff) for point in points]) == same
    assert "`l1_cutoff=1`" in changes("`losses.SmoothL1Loss")


def test_the_iou_loss_is_linear():
    """KerasCV's default is -log(iou)."""
    boxes = np.array([[0.0, 0, 2, 2]]), np.array([[0.0, 0, 1, 2]])
    assert float(losses.BoxIoU(kind="iou")(*boxes)) == pytest.approx(1 - 0.5)
    assert '`mode="linear"`' in changes("`losses.GIoULoss")


def test_the_row_of_the_coco_metrics_states_what_differs():
    text = changes("`metrics.BoxCOCOMetrics")
    for words in ("`scores`", "`confidence`", "run_eagerly=True", "JAX", '`"xyxy"`'):
        assert words in text
