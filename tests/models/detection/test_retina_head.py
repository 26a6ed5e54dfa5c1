import keras
import numpy as np
import pytest

from keras_cnn_zoo.models.detection import matching, retina_head
from keras_cnn_zoo.models.detection.anchors import anchor_generator
from keras_cnn_zoo.ops import boxes as box_ops
from tests.models.detection.copies import assert_copies_agree
from tests.models.detection.scenes import SIZE, assert_found, scene
from tests.ops.test_boxes import random_boxes


def head(**arguments):
    arguments = {
        "anchors": anchor_generator((24, 48), (1.0,), strides=[8, 16], default=[[1], [1]]),
        "image_size": SIZE,
        "depth": 1,
        "alpha": 0.25,
        "gamma": 2.0,
        "box_loss": "smooth_l1",
        "candidates_per_level": 20,
        "iou_threshold": 0.5,
        "score_threshold": 0.05,
        "max_detections": 6,
        **arguments,
    }
    return retina_head.RetinaHead(2, 8, **arguments)


def levels():
    shapes = {"P3": (2, 8, 12, 8), "P4": (2, 4, 6, 8)}
    return {name: np.zeros(shape, "float32") for name, shape in shapes.items()}


@pytest.mark.parametrize("box_loss", ["smooth_l1", "giou"])
def test_perfect_outputs_have_no_loss_and_decode_to_the_truth(box_loss):
    part, truth = head(box_loss=box_loss), matching.truth_of(scene()[1])
    anchors = part.anchors(levels())
    boxes, labels, positive, negative = part.targets(truth, anchors)
    deltas = box_ops.encode(boxes, anchors) * keras.ops.expand_dims(positive, -1)
    outputs = {"logits": 40.0 * (2.0 * labels - 1.0), "deltas": deltas}
    losses = part.loss(levels(), outputs, truth)
    assert all(float(keras.ops.max(loss)) < 1e-5 for loss in losses)
    found = {
        name: keras.ops.convert_to_numpy(value) for name, value in part.decode(levels(), outputs).items()
    }
    shown = [{name: found[name][image][found["classes"][image] >= 0] for name in found} for image in range(2)]
    assert_found(shown, least=0.99)


def test_masks_do_not_overlap_and_every_box_has_an_anchor():
    part, truth = head(), matching.truth_of(scene()[1])
    boxes, _, positive, negative = map(
        keras.ops.convert_to_numpy, part.targets(truth, part.anchors(levels()))
    )
    assert not (positive * negative).any() and 0 < negative.mean() < 1
    for image, true_boxes in enumerate(scene()[1]["boxes"][:, :2]):
        assert {tuple(box) for box in boxes[image][positive[image] > 0]} == {tuple(box) for box in true_boxes}


def test_copies_of_detections_agree():
    scores = np.random.default_rng(0).uniform(size=(2, 9)).astype("float32")
    class_ids = np.arange(18).reshape(2, 9).astype("int32") % 3
    layer = retina_head.PairDetections(4, iou_threshold=0.4, score_threshold=0.1, name="detections")
    assert_copies_agree(layer, random_boxes(2, 9), scores, class_ids)
