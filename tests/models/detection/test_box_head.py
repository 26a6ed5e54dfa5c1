import keras
import numpy as np
import pytest

from keras_cnn_zoo.models.detection import box_head, matching
from keras_cnn_zoo.ops import boxes as box_ops
from tests.models.detection.copies import assert_copies_agree
from tests.models.detection.scenes import SIZE, scene
from tests.ops.test_boxes import random_boxes

STRIDES = {"P3": 8, "P4": 16}


def head(**arguments):
    arguments = {
        "strides": STRIDES,
        "image_size": SIZE,
        "num_samples": 12,
        "iou_threshold": 0.5,
        "score_threshold": 0.05,
        "max_detections": 4,
        **arguments,
    }
    return box_head.BoxHead(2, 16, **arguments)


def levels():
    rng = np.random.default_rng(0)
    shapes = {"P3": (2, 8, 12, 8), "P4": (2, 4, 6, 8)}
    return {name: rng.normal(size=shape).astype("float32") for name, shape in shapes.items()}


def test_at_most_a_quarter_of_the_samples_are_objects():
    truth = matching.truth_of(scene()[1])
    boxes = np.repeat(scene()[1]["boxes"][:, :1], 20, axis=1)
    boxes[:, 10:] += 200
    drawn_boxes, index, is_object, drawn = head().targets(truth, boxes, np.ones((2, 20), bool), None)
    assert drawn_boxes.shape == (2, 12, 4)
    assert keras.ops.convert_to_numpy(is_object).sum(axis=1).tolist() == [3, 3]
    # 10 of the proposals and true boxes are background, and 9 of them are needed.
    assert keras.ops.convert_to_numpy(drawn).sum(axis=1).tolist() == [12, 12]


def test_without_proposals_the_true_boxes_are_the_examples():
    truth = matching.truth_of(scene()[1])
    nothing = np.zeros((2, 5, 4), "float32"), np.zeros((2, 5), bool)
    boxes, index, is_object, drawn = map(keras.ops.convert_to_numpy, head().targets(truth, *nothing, None))
    assert drawn.sum(axis=1).tolist() == [2, 2] and (is_object.astype(bool) == drawn).all()
    for image, true_boxes in enumerate(scene()[1]["boxes"]):
        np.testing.assert_array_equal(boxes[image][drawn[image]], true_boxes[index[image][drawn[image]]])


def test_the_loss_of_a_fresh_head_is_that_of_equal_classes():
    part, truth = head(), matching.truth_of(scene()[1])
    boxes, valid = np.zeros((2, 5, 4), "float32"), np.zeros((2, 5), bool)
    part(levels(), boxes)
    for layer in (part.class_logits, part.class_deltas):
        layer.set_weights([np.zeros_like(weight) for weight in layer.get_weights()])
    crossentropy, distance = part.loss(levels(), truth, boxes, valid, None)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(crossentropy), np.log(3), rtol=1e-5)
    # The true boxes are examples of themselves, with deltas of 0.
    assert float(keras.ops.max(distance)) == pytest.approx(0, abs=1e-6)


def test_decoding_returns_the_box_of_the_class():
    boxes, wanted = np.array([[[8.0, 8, 40, 40]]], "float32"), np.array([[[10.0, 6, 50, 44]]], "float32")
    deltas = np.zeros((1, 1, 3, 4), "float32")
    deltas[:, :, 2] = box_ops.encode(wanted, boxes, box_head.DELTA_WEIGHTS)
    logits = np.array([[[0.0, 0.0, 40.0]]], "float32")
    found = head().decode(logits, deltas.reshape(1, 1, 12), boxes, np.ones((1, 1), bool))
    assert keras.ops.convert_to_numpy(found["classes"]).tolist() == [[1, -1, -1, -1]]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(found["boxes"])[0, 0], wanted[0, 0], rtol=1e-4)


def test_copies_of_the_layers_agree():
    rng = np.random.default_rng(0)
    boxes = random_boxes(2, 5, size=64.0)
    assert_copies_agree(box_head.PyramidAlign(3, STRIDES, name="align"), levels(), boxes)
    logits, deltas = rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 5, 12))
    inputs = (logits.astype("float32"), deltas.astype("float32"), boxes, np.ones((2, 5), bool))
    assert_copies_agree(box_head.ClassScores((64.0, 96.0), name="scores"), *inputs)
