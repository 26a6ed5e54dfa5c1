"""Mosaics for detection: four images with their boxes in one frame."""

import numpy as np

from keras_cnn_zoo.data.augmentation.boxes import random_view

# The corner that the four images share is in this part of each axis.
_MIDDLE = (0.3, 0.7)


def mosaic(views, *, size, scale=(1.0, 2.0), fill=127.5, rng):
    """Puts four images into the quadrants of a frame, each at a random scale and position.

    The objects become smaller, occur in more places, and have more neighbors. Keras has no such layer; its
    MixUp and CutMix do not work for boxes.

    Reference: Bochkovskiy, Wang, Liao, "YOLOv4: Optimal Speed and Accuracy of Object Detection", 2020, arXiv
    2004.10934.

    Args:
        views: four triples (uint8 image (height, width, channels), boxes (n, 4), classes (n,)), from the top
            left in reading order.
        size: (height, width) of the frame, each at least 4.
        scale: range of the magnification of each image; at 1 it just fits its quadrant.
        fill: value of the borders.
        rng: `numpy.random.Generator`, the only source of randomness.

    Returns:
        The frame, float32 (*size, channels); boxes, float32 (m, 4); and classes (m,) of the visible objects.
    """
    # middle (row, column) -> four quadrants -> a view of each image in its quadrant -> boxes + its corner
    middle = [int(round(edge * rng.uniform(*_MIDDLE))) for edge in size]
    frame = np.full((*size, views[0][0].shape[2]), fill, dtype="float32")
    boxes, classes = [np.zeros((0, 4), "float32")], [np.zeros(0, "int32")]
    for place, (image, own, labels) in enumerate(views):
        top, left = (0 if place < 2 else middle[0]), (0 if place % 2 == 0 else middle[1])
        bottom, right = (middle[0] if place < 2 else size[0]), (middle[1] if place % 2 == 0 else size[1])
        view, seen, kept = random_view(
            image, own, size=(bottom - top, right - left), scale=scale, fill=fill, rng=rng
        )
        frame[top:bottom, left:right] = view
        boxes.append(seen + np.array([left, top, left, top], dtype="float32"))
        classes.append(np.asarray(labels, dtype="int32")[kept])
    return frame, np.concatenate(boxes), np.concatenate(classes)
