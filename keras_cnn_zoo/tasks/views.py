"""Answers from several views of an image: a mirrored one, or overlapping tiles of a large one."""

import numpy as np

from keras_cnn_zoo.ops.host import letterbox
from keras_cnn_zoo.ops.host.boxes import fused, suppressed
from keras_cnn_zoo.ops.host.resizing import shrunk
from keras_cnn_zoo.ops.host.tiles import spans
from keras_cnn_zoo.tasks.forward import outputs_of

# A box that ends this near to the inner edge of a tile is cut off there. In pixels of the tile or of the
# network's image, whichever are larger.
_AT_THE_EDGE = 2.0


def mirrored_scores(model, items, size, *, columns=None):
    """Returns the logarithms of mean probabilities over images and their mirror images.

    Args:
        model: a network whose outputs are logits, with the classes last.
        items: list of images.
        size: number of images that a batch is padded to.
        columns: axis of the outputs that is mirrored with the images, or None.
    """
    plain = outputs_of(model, model.preprocess(items), size)
    turned = outputs_of(
        model, model.preprocess([np.ascontiguousarray(item[:, ::-1]) for item in items]), size
    )
    if columns is not None:
        turned = np.flip(turned, axis=columns)
    return np.log((_softmax(plain) + _softmax(turned)) / 2 + 1e-12)


def _softmax(logits):
    logits = np.asarray(logits, dtype="float32")
    values = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return values / values.sum(axis=-1, keepdims=True)


def tiled_mask(answer, image, tiles, batch_size, dtype):
    """Returns the mask (height, width) of an image from those of its tiles, some at a time.

    Args:
        answer: function of a list of images that returns their masks.
        image: array (height, width, channels).
        tiles: (height, width) of a tile.
        batch_size: number of tiles that are answered together.
        dtype: dtype of the mask.
    """
    mask = np.empty(image.shape[:2], dtype=dtype)
    for part in _batches(image, tiles, batch_size):
        masks = answer([image[down.start : down.stop, right.start : right.stop] for down, right in part])
        for (down, right), own in zip(part, masks, strict=True):
            mask[down.first : down.last, right.first : right.last] = own[
                down.first - down.start : down.last - down.start,
                right.first - right.start : right.last - right.start,
            ]
    return mask


def tiled_boxes(answer, image, tiles, batch_size, size):
    """Returns the detections in an image from those in its tiles, and those in the whole image.

    An object that is smaller than the overlap of two tiles is whole in one of them. Larger ones are found in
    the whole image, which the network sees at a smaller scale. What is found twice is kept once.
    A box that is cut off at the edge of a tile is dropped if it is in a whole one, which gets the larger of
    both scores.

    Args:
        answer: function of a list of images that returns a dict of `boxes`, `scores`, and `classes` for each.
        image: array (height, width, channels).
        tiles: (height, width) of a tile.
        batch_size: number of tiles that are answered together.
        size: (height, width) of the network's images.
    """
    height, width = image.shape[:2]
    if height <= tiles[0] and width <= tiles[1]:
        return answer([image])[0]
    whole = _of_the_whole(answer, image, size)
    found, cut = [whole], [np.zeros(len(whole["scores"]), bool)]
    margin = _margin((min(height, tiles[0]), min(width, tiles[1])), size)
    for part in _batches(image, tiles, batch_size):
        answers = answer([image[down.start : down.stop, right.start : right.stop] for down, right in part])
        for (down, right), own in zip(part, answers, strict=True):
            corner = np.array([right.start, down.start, right.start, down.start], dtype="float32")
            boxes = np.asarray(own["boxes"]).reshape(-1, 4) + corner
            found.append({**own, "boxes": boxes})
            # An edge of the image cuts no box off.
            low = np.array([right.start or -np.inf, down.start or -np.inf]) + margin
            high = np.array([_inner(right.stop, width), _inner(down.stop, height)]) - margin
            cut.append(((boxes[:, :2] <= low) | (boxes[:, 2:] >= high)).any(axis=1))
    return merged(found, np.concatenate(cut))


def _of_the_whole(answer, image, size):
    """Returns the detections in a whole image, which is shrunk first if the network would do that.

    Its float copy is then as small as the network's images.
    """
    content = letterbox.content_size(image.shape, size)
    smaller = np.less(content, image.shape[:2]).all()
    if image.dtype != np.uint8 or image.ndim != 3 or not smaller:
        return answer([image])[0]
    (own,) = answer([shrunk(image, content)])
    return {**own, "boxes": letterbox.boxes_out(own["boxes"], image.shape, size)}


def _margin(tile, size):
    """Returns (horizontal, vertical): how near to the edge of a tile a box ends that is cut off there."""
    vertical, horizontal = letterbox.scales(tile, size)
    return _AT_THE_EDGE / np.minimum([horizontal, vertical], 1.0)


def _inner(stop, length):
    return np.inf if stop >= length else stop


def _batches(image, tiles, batch_size):
    """Yields lists of pairs of `Span`, down and right, of the tiles of an image."""
    rows, columns = (spans(*pair) for pair in zip(image.shape[:2], tiles, strict=True))
    places = [(down, right) for down in rows for right in columns]
    for start in range(0, len(places), batch_size):
        yield places[start : start + batch_size]


def mirrored_boxes(answer, images, *, upside_down=False):
    """Returns the detections in images, fused with those in their mirror images.

    Args:
        answer: function of a list of images that returns a dict of `boxes`, `scores`, and `classes` for each.
        images: list of images.
        upside_down: whether to mirror at the horizontal axis and at both axes too.
    """
    mirrors = [(False, False), (True, False)]
    mirrors += [(False, True), (True, True)] if upside_down else []
    seen = [
        answer([np.ascontiguousarray(image[:: -1 if down else 1, :: -1 if right else 1]) for image in images])
        for right, down in mirrors
    ]
    found = []
    for image, *answers in zip(images, *seen, strict=True):
        back = [_mirrored(own, image.shape, *axes) for own, axes in zip(answers, mirrors, strict=True)]
        joined = _joined(back)
        views = np.repeat(np.arange(len(back)), [len(own["scores"]) for own in back])
        values = fused(joined["boxes"], joined["scores"], joined["classes"], views, count=len(back))
        found.append(dict(zip(("boxes", "scores", "classes"), values, strict=True)))
    return found


def _mirrored(answer, shape, right, down):
    """Returns detections in a mirrored image as those in the image."""
    boxes = np.array(answer["boxes"]).reshape(-1, 4)
    if right:
        boxes[:, [0, 2]] = shape[1] - boxes[:, [2, 0]]
    if down:
        boxes[:, [1, 3]] = shape[0] - boxes[:, [3, 1]]
    return {**answer, "boxes": boxes}


def _joined(answers):
    return {
        key: np.concatenate([np.asarray(one[key]) for one in answers])
        for key in ("boxes", "scores", "classes")
    }


def merged(answers, cut=None):
    """Returns one dict of detections from several of the same image, without repetitions."""
    joined = _joined(answers)
    kept, scores = suppressed(joined["boxes"], joined["scores"], joined["classes"], cut)
    return {"boxes": joined["boxes"][kept], "scores": scores, "classes": joined["classes"][kept]}
