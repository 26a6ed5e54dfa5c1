"""Pictures of any size in a network of one size: scaled as a whole, padded at the bottom and right.

The scale lives here only: pictures, boxes for training and boxes on the way out go through the same numbers.
"""

import keras
import numpy as np

from keras_cnn_zoo.utils.arrays import to_numpy


def content_size(size, target):
    """(height, width) that a picture of `size` has inside the network's picture of size `target`."""
    scale = min(target[0] / size[0], target[1] / size[1])
    return tuple(
        min(max(int(round(length * scale)), 1), bound) for length, bound in zip(size[:2], target, strict=True)
    )


def scales(size, target):
    """(vertical, horizontal) factor from pixels of a picture of `size` to those of the network's picture."""
    content = content_size(size, target)
    return tuple(new / old for new, old in zip(content, size[:2], strict=True))


def letterbox(picture, target, fill):
    """A float picture (height, width, channels) resized and padded to `target` with the number `fill`."""
    content = content_size(picture.shape, target)
    if picture.shape[:2] != content:
        picture = keras.ops.convert_to_numpy(
            keras.ops.image.resize(
                picture, content, interpolation="bilinear", antialias=True, data_format="channels_last"
            )
        )
    if content == tuple(target):
        return picture
    padded = np.full((*target, picture.shape[-1]), fill, dtype="float32")
    padded[: content[0], : content[1]] = picture
    return padded


def boxes_in(boxes, size, target):
    """Boxes (n, 4) "xyxy" of a picture of `size` in pixels of the network's picture."""
    vertical, horizontal = scales(size, target)
    return np.asarray(boxes, "float32").reshape(-1, 4) * np.array(
        [horizontal, vertical, horizontal, vertical], "float32"
    )


def boxes_out(boxes, size, target):
    """The inverse of `boxes_in`, cut to the picture."""
    vertical, horizontal = scales(size, target)
    boxes = np.asarray(boxes, "float32").reshape(-1, 4) / np.array(
        [horizontal, vertical, horizontal, vertical], "float32"
    )
    height, width = size[:2]
    return np.clip(boxes, 0, np.array([width, height, width, height], "float32"))


def decode_detections(outputs, target, sizes=None, class_names=None):
    """One dict per picture of a model's padded detections, best first.

    Args:
        outputs: dict of `boxes` (batch, n, 4), `scores` and `classes` (batch, n), -1 where there is none.
        target: (height, width) of the network's picture.
        sizes: (height, width) of each original picture, to whose pixels boxes are mapped, or None for pixels
            of the network's picture.
        class_names: names in class order, or None.

    Returns:
        A list of dicts of NumPy arrays: `boxes` (k, 4) float32, `scores` (k,) float32, `classes` (k,) int32;
        and `class_names`, a list, where names are known.
    """
    boxes, scores = to_numpy(outputs["boxes"]), to_numpy(outputs["scores"])
    classes = np.asarray(keras.ops.convert_to_numpy(outputs["classes"])).astype("int32")
    if sizes is not None and len(sizes) != len(boxes):
        raise ValueError(
            f"`sizes` must give (height, width) for each of {len(boxes)} pictures. Received: sizes={sizes!r}"
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
