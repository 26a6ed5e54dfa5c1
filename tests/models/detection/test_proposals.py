import keras
import numpy as np

from keras_cnn_zoo.models.detection import matching, proposals
from keras_cnn_zoo.models.detection.anchors import anchor_generator
from keras_cnn_zoo.ops import boxes as box_ops
from tests.models.detection.copies import assert_copies_agree
from tests.models.detection.scenes import SIZE, scene
from tests.ops.test_boxes import random_boxes


def network():
    anchors = anchor_generator((24, 48), (1.0,), strides=[8, 16], default=[[1], [1]])
    return proposals.ProposalNetwork(8, anchors=anchors, image_size=SIZE, per_level=20, num_proposals=6)


def levels():
    shapes = {"P3": (2, 8, 12, 8), "P4": (2, 4, 6, 8)}
    return {name: np.zeros(shape, "float32") for name, shape in shapes.items()}


def perfect(part, truth):
    """Returns the outputs of a perfectly trained network."""
    anchors = part.anchors(levels())
    boxes, labels, _ = part.targets(truth, anchors, None)
    logits = keras.ops.expand_dims(40.0 * (2.0 * labels - 1.0), -1)
    deltas = box_ops.encode(boxes, anchors) * keras.ops.expand_dims(labels, -1)
    return {"logits": logits, "deltas": deltas}


def test_perfect_outputs_have_no_loss_and_propose_the_true_boxes():
    part, truth = network(), matching.truth_of(scene()[1])
    outputs = perfect(part, truth)
    losses = part.loss(levels(), outputs, truth, None)
    assert all(float(keras.ops.max(loss)) < 1e-6 for loss in losses)
    boxes, valid = map(keras.ops.convert_to_numpy, part.decode(levels(), outputs))
    for image, true_boxes in enumerate(scene()[1]["boxes"][:, :2]):
        assert valid[image, :2].all()
        for box in true_boxes:
            assert np.abs(boxes[image] - box).max(axis=-1).min() < 1e-3


def test_a_wrong_score_costs_its_logit():
    part, truth = network(), matching.truth_of(scene()[1])
    outputs = perfect(part, truth)
    objectness, distance = part.loss(levels(), {**outputs, "logits": -outputs["logits"]}, truth, None)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(objectness), 40, rtol=1e-5)
    assert float(keras.ops.max(distance)) < 1e-6


def test_copies_of_proposals_agree():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(2, 10, 1)), 0.1 * rng.normal(size=(2, 10, 4)), random_boxes(2, 10)
    layer = proposals.Proposals(
        [8, 2], per_level=5, num_proposals=4, iou_threshold=0.6, image_size=(100.0, 90.0), name="proposals"
    )
    assert_copies_agree(layer, *(each.astype("float32") for each in inputs))
