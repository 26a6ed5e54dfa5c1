import keras
import numpy as np

from keras_cnn_zoo.models.detection.anchor_head import AnchorHead, TopCandidates
from keras_cnn_zoo.ops import boxes as box_ops
from tests.models.detection.copies import assert_copies_agree
from tests.ops.test_boxes import random_boxes


def levels():
    rng = np.random.default_rng(0)
    shapes = {"P3": (2, 4, 6, 8), "P4": (2, 2, 3, 8)}
    return {name: rng.normal(size=shape).astype("float32") for name, shape in shapes.items()}


def head(**arguments):
    arguments = {
        "anchors_per_cell": 3,
        "num_classes": 2,
        "depth": 1,
        "kernel_size": 3,
        "shared": False,
        "prior": 0.1,
        "class_layer": "class_logits",
        **arguments,
    }
    return AnchorHead(8, **arguments)


def candidate_inputs():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 10, 3)).astype("float32")
    deltas = 0.1 * rng.normal(size=(2, 10, 4)).astype("float32")
    return logits, deltas, random_boxes(2, 10)


def test_copies_of_a_head_agree():
    assert_copies_agree(head(shared=True, kernel_size=1, name="proposal_head"), levels())


def test_copies_keep_frozen_convolutions():
    layer = head()
    layer.towers[0][0].trainable = False
    layer.logits.trainable = False
    assert layer.get_config()["frozen"] == ["class_hidden_1", "class_logits"]
    assert_copies_agree(layer, levels())


def test_rows_run_along_levels_cells_and_anchors():
    layer = head(prior=0.5, kernel_size=1)
    outputs = layer(levels())
    assert outputs["logits"].shape == (2, 90, 2) and outputs["deltas"].shape == (2, 90, 4)
    maps = layer.logits(layer.towers[0][0](levels()["P4"]))
    # Row 1, column 2 of the second level, whose cells follow the 24 of the first; anchor 1.
    np.testing.assert_allclose(outputs["logits"][1, (24 + 1 * 3 + 2) * 3 + 1], maps[1, 1, 2, 2:4], rtol=1e-4)


def test_copies_of_candidates_agree():
    assert_copies_agree(TopCandidates([8, 2], per_level=5, image_size=(100.0, 90.0)), *candidate_inputs())


def test_candidates_are_the_best_pairs_of_each_level():
    logits, deltas, anchors = candidate_inputs()
    layer = TopCandidates([8, 2], per_level=5, image_size=(100.0, 90.0))
    boxes, scores, class_ids = map(keras.ops.convert_to_numpy, layer(logits, deltas, anchors))
    decoded = keras.ops.convert_to_numpy(box_ops.clip(box_ops.decode(deltas, anchors), 100.0, 90.0))
    for image in range(2):
        for start, count, kept in ((0, 8, slice(0, 5)), (8, 2, slice(5, 10))):
            pairs = [(logits[image, row, k], row, k) for row in range(start, start + count) for k in range(3)]
            best = sorted(pairs, reverse=True)[:5]
            np.testing.assert_allclose(scores[image, kept], [1 / (1 + np.exp(-x)) for x, _, _ in best], 1e-5)
            assert class_ids[image, kept].tolist() == [k for _, _, k in best]
            np.testing.assert_allclose(boxes[image, kept], [decoded[image, row] for _, row, _ in best], 1e-5)
