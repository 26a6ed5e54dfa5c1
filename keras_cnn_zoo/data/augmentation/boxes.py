"""Rotates, scales, and crops images with their boxes. Keras' own layers flip them and change colors.

Boxes are left, top, right, bottom in pixels, where pixel i spans [i, i + 1].
"""

import numpy as np


def turned(image, boxes, turns):
    """Rotates an image and its boxes counterclockwise by `turns` times 90 degrees.

    Args:
        image: array (height, width, channels).
        boxes: float array (n, 4).
        turns: integer.

    Returns:
        (image, boxes).
    """
    boxes = np.asarray(boxes, dtype="float32").reshape(-1, 4)
    width = image.shape[1]
    for _ in range(turns % 4):
        left, top, right, bottom = boxes.T
        boxes = np.stack([top, width - right, bottom, width - left], axis=1)
        image = np.rot90(image)
        width = image.shape[1]
    return np.ascontiguousarray(image), boxes


def random_view(image, boxes, *, size, scale=(1.0, 1.0), fill=127.5, min_visible=0.3, rng):
    """Places an image at a random scale and position in a frame of fixed size, with its visible boxes.

    At scale 1 the image just fits the frame, as in a detector's `preprocess`. Larger images are cropped, and
    smaller ones have a border.

    Args:
        image: uint8 array (height, width, channels).
        boxes: float array (n, 4).
        size: (height, width) of the frame.
        scale: range of the magnification, drawn uniformly on a logarithmic scale.
        fill: value of the border.
        min_visible: share of its area that a box must have inside the frame, or it is dropped.
        rng: `numpy.random.Generator`, the only source of randomness.

    Returns:
        The frame, float32 (*size, channels); the visible boxes, clipped to the image, float32 (m, 4); and a
        boolean mask (n,) of the boxes that are visible.
    """
    # image (h, w, c) -> scaled to `whole` -> window of size `seen` at `start`, pasted at `place` -> frame
    # boxes (n, 4) -> * factor + place - start -> clipped to the window -> (m, 4)
    from PIL import Image

    edges = image.shape[:2]
    magnification = np.exp(rng.uniform(np.log(scale[0]), np.log(scale[1])))
    magnification *= min(limit / edge for limit, edge in zip(size, edges, strict=True))
    whole = [max(1, int(round(edge * magnification))) for edge in edges]
    seen = [min(edge, limit) for edge, limit in zip(whole, size, strict=True)]
    start = [int(rng.integers(0, edge - part + 1)) for edge, part in zip(whole, seen, strict=True)]
    place = [int(rng.integers(0, limit - part + 1)) for limit, part in zip(size, seen, strict=True)]
    factor = [new / old for new, old in zip(whole, edges, strict=True)]

    picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
    window = (
        start[1] / factor[1],
        start[0] / factor[0],
        min((start[1] + seen[1]) / factor[1], edges[1]),
        min((start[0] + seen[0]) / factor[0], edges[0]),
    )
    part = picture.resize((seen[1], seen[0]), Image.Resampling.BILINEAR, box=window)
    frame = np.full((*size, image.shape[2]), fill, dtype="float32")
    frame[place[0] : place[0] + seen[0], place[1] : place[1] + seen[1]] = np.asarray(part).reshape(
        *seen, image.shape[2]
    )

    boxes = np.asarray(boxes, dtype="float32").reshape(-1, 4) * np.array(
        [factor[1], factor[0], factor[1], factor[0]], dtype="float32"
    )
    shift = np.array([place[1] - start[1], place[0] - start[0]] * 2, dtype="float32")
    first, last = np.array([place[1], place[0]] * 2), np.array([place[1] + seen[1], place[0] + seen[0]] * 2)
    cut = np.clip(boxes + shift, first, last).astype("float32")
    share = _area(cut) / np.maximum(_area(boxes), 1e-6)
    kept = (share >= min_visible) & (_area(cut) > 0)
    return frame, cut[kept], kept


def padded(boxes, classes, count):
    """Pads the boxes and classes of several images to two arrays of fixed shape.

    Args:
        boxes: list of float arrays (n, 4).
        classes: list of integer arrays (n,).
        count: number of rows per image. Further objects are left out.

    Returns:
        Boxes as float32 (images, count, 4), padded with 0, and classes as int32 (images, count), padded with
        -1.
    """
    all_boxes = np.zeros((len(boxes), count, 4), dtype="float32")
    all_classes = np.full((len(boxes), count), -1, dtype="int32")
    for row, (own, labels) in enumerate(zip(boxes, classes, strict=True)):
        all_boxes[row, : len(own)] = own[:count]
        all_classes[row, : len(own)] = labels[:count]
    return all_boxes, all_classes


def _area(boxes):
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
