"""NonMaxSuppression against the greedy loop, and its soft variant against Bodla et al.'s algorithm."""

import keras
import numpy as np
import pytest

from keras_cnn_zoo.layers import NonMaxSuppression
from tests.ops.test_boxes import iou_by_hand


def corners(box, bounding_box_format):
    if bounding_box_format == "xyxy":
        return box
    if bounding_box_format == "center_xywh":
        x, y, width, height = box
        return x - width / 2, y - height / 2, x + width / 2, y + height / 2
    raise NotImplementedError(bounding_box_format)


def reference(
    inputs,
    weights,
    max_output_size,
    iou_threshold=0.5,
    score_threshold=0.05,
    soft_sigma=None,
    bounding_box_format="xyxy",
):
    boxes, scores = inputs
    batch, count, classes = scores.shape
    found = {
        "boxes": np.zeros((batch, max_output_size, 4)),
        "scores": np.zeros((batch, max_output_size)),
        "classes": np.full((batch, max_output_size), -1),
    }
    for image in range(batch):
        left = [
            [
                scores[image, row, name],
                boxes[image, row] if boxes.ndim == 3 else boxes[image, row, name],
                name,
            ]
            for row in range(count)
            for name in range(classes)
        ]
        for place in range(max_output_size):
            left = [item for item in left if item[0] > score_threshold]
            if not left:
                break
            best = max(left, key=lambda item: item[0])
            left = [item for item in left if item is not best]
            found["scores"][image, place], found["boxes"][image, place] = best[0], best[1]
            found["classes"][image, place] = best[2]
            kept = []
            for score, box, name in left:
                overlap = 0.0
                if name == best[2]:
                    overlap = iou_by_hand(
                        corners(best[1], bounding_box_format), corners(box, bounding_box_format)
                    )
                if soft_sigma is not None:
                    kept.append([score * np.exp(-(overlap**2) / soft_sigma), box, name])
                elif overlap <= iou_threshold:
                    kept.append([score, box, name])
            left = kept
    return found


def candidates(count=14, classes=3, *, own_boxes=False, bounding_box_format="xyxy", seed=0):
    """Returns strongly overlapping boxes with distinct edges, and scores that differ in bfloat16."""
    rng = np.random.default_rng(seed)
    number = count * classes if own_boxes else count
    edges = np.stack([rng.permutation(176)[: 2 * number] / 4 for _ in range(4)])
    corners = np.sort(edges.reshape(2, 2, number, 2), axis=-1)
    boxes = corners.transpose(0, 2, 3, 1).reshape(2, *((count, classes) if own_boxes else (count,)), 4)
    if bounding_box_format == "center_xywh":
        left, top, right, bottom = np.moveaxis(boxes, -1, 0)
        boxes = np.stack([(left + right) / 2, (top + bottom) / 2, right - left, bottom - top], axis=-1)
    scores = rng.permutation(2 * count * classes).reshape(2, count, classes) + 1
    return boxes.astype("float32"), (scores / 128.0).astype("float32")


CASES = [
    dict(
        cls=NonMaxSuppression,
        init_kwargs={
            "max_output_size": 8,
            "iou_threshold": 0.4,
            "score_threshold": 0.07,
            "soft_sigma": 0.6,
            "bounding_box_format": "center_xywh",
        },
        inputs=candidates(bounding_box_format="center_xywh"),
        reference=reference,
        selects_value="score",
    ),
    dict(
        cls=NonMaxSuppression,
        init_kwargs={"max_output_size": 50, "iou_threshold": 0.3, "score_threshold": 0.1},
        inputs=candidates(),
        reference=reference,
        selects_value="score",
    ),
    dict(
        cls=NonMaxSuppression,
        init_kwargs={"max_output_size": 5},
        inputs=candidates(own_boxes=True),
        reference=reference,
        selects_value="score",
    ),
    dict(
        cls=NonMaxSuppression,
        init_kwargs={"max_output_size": 6},
        inputs=candidates(classes=1, seed=3),
        reference=reference,
        selects_value="score",
    ),
]


def numpy_of(outputs):
    return {name: keras.ops.convert_to_numpy(value) for name, value in outputs.items()}


def test_a_case_by_hand():
    boxes = np.array([[[0.0, 0, 10, 10], [1, 0, 10, 10], [0, 0, 10, 4], [20, 20, 30, 30]]])
    kept = numpy_of(NonMaxSuppression(4)(boxes, np.array([[[0.8], [0.9], [0.5], [0.7]]])))
    np.testing.assert_array_equal(
        kept["boxes"][0], [[1, 0, 10, 10], [20, 20, 30, 30], [0, 0, 10, 4], [0] * 4]
    )
    np.testing.assert_allclose(kept["scores"][0], [0.9, 0.7, 0.5, 0], rtol=1e-6)
    np.testing.assert_array_equal(kept["classes"][0], [0, 0, 0, -1])


def test_classes_are_independent():
    boxes = np.array([[[0.0, 0, 10, 10], [0, 0, 10, 10]]])
    kept = numpy_of(NonMaxSuppression(4)(boxes, np.array([[[0.8, 0.0], [0.6, 0.9]]])))
    np.testing.assert_array_equal(kept["classes"][0], [1, 0, -1, -1])


def test_a_box_far_from_the_origin_is_exact():
    boxes, scores = candidates()
    near = numpy_of(NonMaxSuppression(10)(boxes, scores))
    far = numpy_of(NonMaxSuppression(10)(boxes + 4096, scores))
    np.testing.assert_array_equal(far["classes"], near["classes"])
    np.testing.assert_array_equal(far["scores"], near["scores"])


def test_a_large_sigma_drops_nothing_and_a_small_one_all_overlaps():
    boxes, scores = candidates(classes=1)
    every = numpy_of(NonMaxSuppression(14, soft_sigma=1e6, score_threshold=0.0)(boxes, scores))
    np.testing.assert_allclose(every["scores"], -np.sort(-scores[..., 0]), rtol=1e-4)
    few = numpy_of(NonMaxSuppression(14, soft_sigma=1e-6)(boxes, scores))
    strict = numpy_of(NonMaxSuppression(14, iou_threshold=0.0)(boxes, scores))
    np.testing.assert_array_equal(few["boxes"], strict["boxes"])


def test_the_output_is_padding_if_no_score_passes():
    boxes, scores = candidates()
    kept = numpy_of(NonMaxSuppression(3, score_threshold=1.0)(boxes, scores))
    assert (kept["classes"] == -1).all() and not kept["boxes"].any() and not kept["scores"].any()


def test_equal_scores_keep_the_first():
    boxes = np.array([[[0.0, 0, 4, 4], [1, 0, 5, 4], [50, 50, 60, 60]]])
    kept = numpy_of(NonMaxSuppression(3)(boxes, np.full((1, 3, 1), 0.5)))
    np.testing.assert_array_equal(kept["boxes"][0], [[0, 0, 4, 4], [50, 50, 60, 60], [0] * 4])


def test_nan_scores_are_never_kept():
    boxes = np.array([[[0.0, 0, 4, 4], [10, 10, 14, 14]]])
    kept = numpy_of(NonMaxSuppression(2)(boxes, np.array([[[np.nan], [0.5]]])))
    np.testing.assert_array_equal(kept["boxes"][0], [[10, 10, 14, 14], [0] * 4])


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"max_output_size": 0}, "`max_output_size` must be a positive integer"),
        ({"iou_threshold": 1.5}, "`iou_threshold` must be a finite number at least 0 and at most 1"),
        ({"score_threshold": None}, "`score_threshold` must be a finite number"),
        ({"soft_sigma": 0}, "`soft_sigma` must be a finite number above 0"),
        ({"bounding_box_format": "corners"}, "`bounding_box_format` must be one of 'xyxy'"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(ValueError, match=message):
        NonMaxSuppression(**{"max_output_size": 3, **arguments})


@pytest.mark.parametrize(
    "boxes, scores",
    [((2, 5, 3), (2, 5, 1)), ((2, 5, 4), (2, 5)), ((2, 5, 4), (2, 6, 1)), ((5, 4), (2, 5, 1))],
)
def test_refuses_other_shapes(boxes, scores):
    with pytest.raises(ValueError, match=r"`NonMaxSuppression` takes boxes .* Received: boxes_shape="):
        NonMaxSuppression(3)(np.zeros(boxes), np.zeros(scores))


@pytest.mark.parametrize("soft_sigma", [None, 0.5])
def test_nan_scores_are_never_kept_and_nan_boxes_overlap_nothing(soft_sigma):
    boxes = np.array([[[0.0, 0, 10, 10], [1, 0, 10, 10], [0, np.nan, 10, 10], [20, 20, 30, 30]]], "float32")
    scores = np.array([[[np.nan], [0.8], [0.9], [0.7]]], "float32")
    layer = NonMaxSuppression(4, iou_threshold=0.5, score_threshold=0.1, soft_sigma=soft_sigma)
    found = {name: keras.ops.convert_to_numpy(value) for name, value in layer(boxes, scores).items()}
    np.testing.assert_allclose(found["scores"], [[0.9, 0.8, 0.7, 0.0]], rtol=1e-6)
    np.testing.assert_array_equal(found["boxes"][0], [boxes[0, 2], boxes[0, 1], boxes[0, 3], [0.0] * 4])
    np.testing.assert_array_equal(found["classes"], [[0, 0, 0, -1]])
