"""Letterboxing: images of any size for a network of one size, scaled and padded at the bottom and right.

Images, training boxes, and predicted boxes all use the scale that is computed here.
"""

import keras
import numpy as np

from keras_cnn_zoo.ops.host.resizing import resize
from keras_cnn_zoo.utils.arrays import to_numpy


def content_size(size, target):
    """Returns (height, width) of an image of `size` inside the network's input of size `target`."""
    scale = min(target[0] / size[0], target[1] / size[1])
    return tuple(
        min(max(int(round(length * scale)), 1), bound) for length, bound in zip(size[:2], target, strict=True)
    )


def scales(size, target):
    """Returns the (vertical, horizontal) factors from pixels of an image of `size` to those of the input."""
    content = content_size(size, target)
    return tuple(new / old for new, old in zip(content, size[:2], strict=True))


def letterbox(picture, target, fill):
    """Resizes a float image (height, width, channels) and pads it to `target` with the number `fill`."""
    content = content_size(picture.shape, target)
    if picture.shape[:2] != content:
        picture = resize(picture, content)
    if content == tuple(target):
        return picture
    padded = np.full((*target, picture.shape[-1]), fill, dtype="float32")
    padded[: content[0], : content[1]] = picture
    return padded


def boxes_in(boxes, size, target):
    """Converts "xyxy" boxes (n, 4) of an image of `size` to pixels of the network's input."""
    vertical, horizontal = scales(size, target)
    return np.asarray(boxes, "float32").reshape(-1, 4) * np.array(
        [horizontal, vertical, horizontal, vertical], "float32"
    )


def boxes_out(boxes, size, target):
    """Converts boxes back to pixels of the image and clips them to it: the inverse of `boxes_in`."""
    vertical, horizontal = scales(size, target)
    boxes = np.asarray(boxes, "float32").reshape(-1, 4) / np.array(
        [horizontal, vertical, horizontal, vertical], "float32"
    )
    height, width = size[:2]
    return np.clip(boxes, 0, np.array([width, height, width, height], "float32"))


def decode_detections(outputs, target, sizes=None, class_names=None):
    """Returns one dict of detections per image, best first, without the padding.

    Args:
        outputs: dict of `boxes` (batch, n, 4), `scores` (batch, n), and `classes` (batch, n); class -1 is
            padding.
        target: (height, width) of the network's input.
        sizes: (height, width) of each original image, to whose pixels boxes are mapped, or None for pixels of
            the network's input.
        class_names: names in class order, or None.

    Returns:
        A list of dicts of NumPy arrays: `boxes` (k, 4) float32, `scores` (k,) float32, `classes` (k,) int32;
        and `class_names`, a list, if `class_names` is given.
    """
    boxes, scores = to_numpy(outputs["boxes"]), to_numpy(outputs["scores"])
    classes = np.asarray(keras.ops.convert_to_numpy(outputs["classes"])).astype("int32")
    if sizes is not None and len(sizes) != len(boxes):
        raise ValueError(
            f"`sizes` must give (height, width) for each of {len(boxes)} images. Received: sizes={sizes!r}"
        )
    decoded = []
    for place in range(len(boxes)):
        own = boxes[place] if sizes is None else boxes_out(boxes[place], sizes[place], target)
        filled = (own[:, 2] > own[:, 0]) & (own[:, 3] > own[:, 1])
        kept = (classes[place] >= 0) & filled
        found = {"boxes": own[kept], "scores": scores[place][kept], "classes": classes[place][kept]}
        if class_names is not None:
            found["class_names"] = [class_names[number] for number in found["classes"]]
        decoded.append(found)
    return decoded
