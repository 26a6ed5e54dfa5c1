import numpy as np

from keras_cnn_zoo.ops.host.boxes import overlaps, suppressed


def test_overlaps_by_hand():
    found = overlaps([[0, 0, 4, 4]], [[2, 0, 6, 4], [4, 0, 8, 4], [0, 0, 4, 2]])
    np.testing.assert_allclose(found, [[8 / 24, 0, 0.5]])
    inside = overlaps([[0, 0, 4, 4]], [[2, 0, 6, 4], [0, 0, 80, 80]], of_the_first=True)
    np.testing.assert_allclose(inside, [[0.5, 1]])


def test_the_better_of_two_boxes_of_a_class_remains():
    boxes = [[0, 0, 10, 10], [1, 0, 10, 10], [0, 0, 10, 10], [20, 0, 30, 10], [1, 1, 4, 4]]
    scores, classes = [0.6, 0.9, 0.7, 0.8, 0.5], [0, 0, 1, 0, 0]
    # The first overlaps the second; the third is of another class; the last is small, inside a large one.
    assert suppressed(boxes, scores, classes).tolist() == [1, 3, 2, 4]
    assert suppressed(boxes, scores, classes, threshold=0.95).tolist() == [1, 3, 2, 0, 4]
    assert suppressed(np.zeros((0, 4)), [], []).tolist() == []


def test_a_cut_box_inside_a_whole_one_goes_even_if_its_score_is_higher():
    boxes = [[0, 0, 4, 10], [0, 0, 10, 10], [50, 0, 60, 10]]
    scores, classes = [0.9, 0.6, 0.3], [2, 2, 2]
    assert suppressed(boxes, scores, classes).tolist() == [0, 1, 2]
    assert suppressed(boxes, scores, classes, [True, False, True]).tolist() == [1, 2]


def test_suppression_is_that_of_keras_ops():
    from keras_cnn_zoo.ops.non_max_suppression import non_max_suppression

    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 40, (60, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(8, 20, (60, 2))], axis=1).astype("float32")
    scores = rng.permutation(60).astype("float32") / 60 + 0.01
    classes = rng.integers(0, 2, 60).astype("int32")
    expected, _, valid = (
        np.array(one)
        for one in non_max_suppression(
            boxes[None], scores[None], classes[None], 60, iou_threshold=0.5, score_threshold=0.0
        )
    )
    found = suppressed(boxes, scores, classes)
    assert 2 < len(found) < 60 and found.tolist() == expected[0][valid[0].astype(bool)].tolist()
