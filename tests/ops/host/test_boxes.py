import numpy as np

from keras_cnn_zoo.ops.host.boxes import fused, overlaps, suppressed


def test_overlaps_by_hand():
    found = overlaps([[0, 0, 4, 4]], [[2, 0, 6, 4], [4, 0, 8, 4], [0, 0, 4, 2]])
    np.testing.assert_allclose(found, [[8 / 24, 0, 0.5]])
    inside = overlaps([[0, 0, 4, 4]], [[2, 0, 6, 4], [0, 0, 80, 80]], of_the_first=True)
    np.testing.assert_allclose(inside, [[0.5, 1]])


def test_the_better_of_two_boxes_of_a_class_remains():
    boxes = [[0, 0, 10, 10], [1, 0, 10, 10], [0, 0, 10, 10], [20, 0, 30, 10], [1, 1, 4, 4]]
    scores, classes = [0.6, 0.9, 0.7, 0.8, 0.5], [0, 0, 1, 0, 0]
    # The first overlaps the second; the third is of another class; the last is small, inside a large one.
    kept, of_kept = suppressed(boxes, scores, classes)
    assert kept.tolist() == [1, 3, 2, 4] and of_kept.tolist() == [0.9, 0.8, 0.7, 0.5]
    assert suppressed(boxes, scores, classes, threshold=0.95)[0].tolist() == [1, 3, 2, 0, 4]
    assert [len(one) for one in suppressed(np.zeros((0, 4)), [], [])] == [0, 0]


def test_a_cut_box_inside_a_whole_one_goes_and_leaves_its_higher_score():
    boxes = [[0, 0, 4, 10], [0, 0, 10, 10], [50, 0, 60, 10]]
    scores, classes = [0.9, 0.6, 0.3], [2, 2, 2]
    assert suppressed(boxes, scores, classes)[0].tolist() == [0, 1, 2]
    kept, of_kept = suppressed(boxes, scores, classes, [True, False, True])
    assert kept.tolist() == [1, 2] and of_kept.tolist() == [0.9, 0.3]
    assert scores == [0.9, 0.6, 0.3]


def test_of_nested_whole_boxes_the_best_gets_the_score_of_the_part():
    # The last is cut off, and in both others; the second is unlikely and far too large.
    boxes, scores = [[0, 0, 10, 10], [0, 0, 90, 90], [0, 0, 4, 10]], [0.6, 0.1, 0.9]
    kept, of_kept = suppressed(boxes, scores, [0, 0, 0], [False, False, True])
    assert kept.tolist() == [0, 1] and of_kept.tolist() == [0.9, 0.1]


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
    found, _ = suppressed(boxes, scores, classes)
    assert 2 < len(found) < 60 and found.tolist() == expected[0][valid[0].astype(bool)].tolist()


def test_views_are_fused_to_weighted_means():
    boxes = [[0, 0, 10, 10], [2, 0, 12, 10], [50, 0, 60, 10], [0, 0, 10, 10]]
    scores, classes, views = [0.9, 0.3, 0.8, 0.5], [0, 0, 0, 1], [0, 1, 1, 0]
    found, means, names = fused(boxes, scores, classes, views, count=2)
    # By hand: (0.9 * 0 + 0.3 * 2) / 1.2 = 0.5; the others are in one view of two.
    np.testing.assert_allclose(found, [[0.5, 0, 10.5, 10], [50, 0, 60, 10], [0, 0, 10, 10]])
    np.testing.assert_allclose(means, [0.6, 0.4, 0.25])
    assert names.tolist() == [0, 0, 1]


def test_a_view_counts_once_for_an_object():
    # The second and third overlap the first by more than half, and each other by less.
    boxes = np.array([[0, 0, 10, 10], [3, 0, 13, 10], [-3, 0, 7, 10]], "float32")
    found, means, _ = fused(boxes, np.array([0.8, 0.4, 0.6], "float32"), [0, 0, 0], [0, 1, 1], count=2)
    np.testing.assert_allclose(found, [(0.8 * boxes[0] + 0.6 * boxes[2]) / 1.4], rtol=1e-6)
    np.testing.assert_allclose(means, [0.7], rtol=1e-6)
    assert found.dtype == means.dtype == np.float32


def test_equal_views_change_nothing_and_none_may_be_empty():
    boxes = np.array([[0.0, 0, 10, 10], [4, 4, 4, 4], [30, 0, 40, 10]])
    scores, classes = np.array([0.5, 0.7, 0.9]), np.array([1, 0, 2])
    twice = (np.tile(one, (2, 1)) if one.ndim == 2 else np.tile(one, 2) for one in (boxes, scores, classes))
    found, means, names = fused(*twice, np.repeat([0, 1], 3), count=2)
    kept = names != 0  # A box without an area overlaps nothing, not even itself.
    np.testing.assert_allclose(found[kept], boxes[[2, 0]])
    np.testing.assert_allclose(means[kept], [0.9, 0.5])
    empty = fused(np.zeros((0, 4)), [], [], [], count=2)
    assert [len(one) for one in empty] == [0, 0, 0] and empty[0].shape == (0, 4)
