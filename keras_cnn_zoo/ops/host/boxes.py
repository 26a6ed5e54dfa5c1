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
    """Returns the positions of the boxes that remain, the best first.

    A box is dropped if it overlaps a better one of its class by more than `threshold`. A box that was cut off
    at the edge of a view comes after all whole ones, and is dropped if more than that part of it is inside
    another.

    Args:
        boxes: array (n, 4) of left, top, right, bottom.
        scores: array (n,).
        classes: integer array (n,).
        cut: boolean array (n,), or None if no box was cut off.
        threshold: overlap in [0, 1].
    """
    boxes, scores = np.asarray(boxes, dtype="float64").reshape(-1, 4), np.asarray(scores)
    cut = np.zeros(len(boxes), bool) if cut is None else np.asarray(cut, bool)
    kept = []
    for class_id in np.unique(classes):
        own = np.flatnonzero(np.asarray(classes) == class_id)
        own = own[np.lexsort((-scores[own], cut[own]))]
        chosen = []
        for place in own:
            shared = overlaps(boxes[place], boxes[chosen], of_the_first=bool(cut[place]))
            if not (shared > threshold).any():
                chosen.append(place)
        kept += chosen
    kept = np.array(kept, dtype="int64")
    return kept[np.argsort(-scores[kept], kind="stable")]
