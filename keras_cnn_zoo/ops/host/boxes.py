"""Overlap and suppression of boxes on the host, for answers that come from several views of an image."""

import numpy as np


def overlaps(boxes, others, *, of_the_first=False):
    """Returns the intersection over union (n, m) of boxes (n, 4) and (m, 4).

    Args:
        boxes: array of left, top, right, bottom.
        others: the same.
        of_the_first: whether to divide by the area of `boxes` instead of the union.
    """
    boxes = np.asarray(boxes, dtype="float64").reshape(-1, 1, 4)
    others = np.asarray(others, dtype="float64").reshape(1, -1, 4)
    sides = np.minimum(boxes[..., 2:], others[..., 2:]) - np.maximum(boxes[..., :2], others[..., :2])
    shared = np.clip(sides, 0, None).prod(axis=-1)
    areas, other_areas = ((one[..., 2:] - one[..., :2]).prod(axis=-1) for one in (boxes, others))
    total = areas + 0 * other_areas if of_the_first else areas + other_areas - shared
    return shared / np.maximum(total, 1e-9)


def suppressed(boxes, scores, classes, cut=None, *, threshold=0.5):
    """Returns the positions and the scores of the boxes that remain, the best first.

    A box is dropped if it overlaps a better one of its class by more than `threshold`. A box that was cut off
    at the edge of a view comes after all whole ones, and is dropped if more than that part of it is inside
    another. The best such box gets the score of what was cut off, if that is larger: the part shows that an
    object is there, and the whole box shows where it ends.

    Args:
        boxes: array (n, 4) of left, top, right, bottom.
        scores: array (n,).
        classes: integer array (n,).
        cut: boolean array (n,), or None if no box was cut off.
        threshold: overlap in [0, 1].
    """
    boxes, scores = np.asarray(boxes, dtype="float64").reshape(-1, 4), np.array(scores)
    cut = np.zeros(len(boxes), bool) if cut is None else np.asarray(cut, bool)
    kept = []
    for class_id in np.unique(classes):
        own = np.flatnonzero(np.asarray(classes) == class_id)
        own = own[np.lexsort((-scores[own], cut[own]))]
        chosen = []
        for place in own:
            shared = overlaps(boxes[place], boxes[chosen], of_the_first=bool(cut[place]))[0]
            better = np.flatnonzero(shared > threshold)
            if len(better):
                first = chosen[better[0]]
                scores[first] = max(scores[first], scores[place])
            else:
                chosen.append(place)
        kept += chosen
    kept = np.array(kept, dtype="int64")
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    return kept, scores[kept]


def fused(boxes, scores, classes, views, *, count, threshold=0.5):
    """Returns boxes, scores, and classes of what several views of an image show, the best first.

    Boxes of a class that overlap a better one by more than `threshold` are one object. Its box is the mean of
    the best ones of each view, weighted by their scores. Its score is the mean over all views, with 0 for a
    view without it. Solovyev, Wang, Gabruseva, "Weighted boxes fusion", 2019, arXiv 1910.13302, where the
    overlap with the mean of the boxes so far decides.

    Args:
        boxes: array (n, 4) of left, top, right, bottom.
        scores: array (n,).
        classes: integer array (n,).
        views: integer array (n,), the view of each box.
        count: number of views.
        threshold: overlap in [0, 1].
    """
    boxes, scores = np.asarray(boxes).reshape(-1, 4), np.asarray(scores)
    boxes = boxes.astype(np.result_type(boxes, "float32"))
    classes, views = np.asarray(classes), np.asarray(views)
    left = np.ones(len(boxes), bool)
    new_boxes, new_scores, firsts = [], [], []
    for place in np.argsort(-scores, kind="stable"):
        if not left[place]:
            continue
        near = overlaps(boxes[place], boxes)[0] > threshold
        group = np.flatnonzero(left & near & (classes == classes[place]))
        left[group] = left[place] = False
        group = group[np.argsort(-scores[group], kind="stable")]
        # The best one is in its own group even if it has no area.
        best = group[np.unique(views[group], return_index=True)[1]] if len(group) else np.array([place])
        weights = scores[best] / max(scores[best].sum(), 1e-12)
        new_boxes.append(weights @ boxes[best])
        new_scores.append(scores[best].sum() / count)
        firsts.append(place)
    order = np.argsort(-np.array(new_scores), kind="stable").astype("int64")
    return (
        np.array(new_boxes, boxes.dtype).reshape(-1, 4)[order],
        np.array(new_scores, scores.dtype)[order],
        classes[np.array(firsts, "int64")][order],
    )
