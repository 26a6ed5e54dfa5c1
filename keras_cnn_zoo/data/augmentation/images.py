"""Augmentation whose random draws are functions of a seed: crops by Pillow, the rest by Keras' layers."""

import keras
import numpy as np

# Added to class ids before Keras' layers move a mask, so that the zeros they fill in mean "no pixel".
_MASK_OFFSET = 1


def random_crop(image, mask=None, *, size, scale=(1.0, 1.0), rng):
    """Crops a window of random position and scale and resizes it to `size`.

    Args:
        image: uint8 array (height, width, channels).
        mask: integer array (height, width), cropped like the image with nearest neighbor, or None.
        size: (height, width) of the result.
        scale: range of the magnification, drawn uniformly on a logarithmic scale. Below 1 the window is
            larger than `size`. A window larger than the image is shrunk to the image.
        rng: `numpy.random.Generator`, the only source of randomness.

    Returns:
        The crop. If `mask` is given, the pair (crop, mask crop).
    """
    from PIL import Image

    height, width = image.shape[:2]
    magnification = np.exp(rng.uniform(np.log(scale[0]), np.log(scale[1])))
    magnification = max(magnification, size[0] / height, size[1] / width)
    window = [
        min(round(edge / magnification), limit) for edge, limit in zip(size, (height, width), strict=True)
    ]
    window = [max(edge, 1) for edge in window]
    top = int(rng.integers(0, height - window[0] + 1))
    left = int(rng.integers(0, width - window[1] + 1))
    box = (slice(top, top + window[0]), slice(left, left + window[1]))

    def cut(array, method):
        window_of = array[box]
        picture = Image.fromarray(window_of[..., 0] if window_of.shape[2:] == (1,) else window_of)
        return np.asarray(picture.resize((size[1], size[0]), method))

    crop = cut(image, Image.Resampling.BILINEAR).reshape(*size, image.shape[-1])
    if mask is None:
        return crop
    return crop, cut(mask, Image.Resampling.NEAREST)


class Augmentation:
    """Keras image augmentation layers, applied to images, masks, and boxes with draws fixed by a seed.

    A Keras layer advances its own generator at every call, which a resumed run cannot replay. Here each layer
    gets the seed of the call, so the result depends only on (layers, seed, images).

    Args:
        layers: Keras image preprocessing layers, in order. To move boxes as well, layers that move images
            need `bounding_box_format="xyxy"`.
    """

    def __init__(self, layers):
        self.layers = tuple(layers)

    def __call__(self, images, masks=None, *, boxes=None, seed, ignore_label=255):
        """Transforms a batch.

        Args:
            images: array (batch, height, width, channels), 0..255.
            masks: integer array (batch, height, width), moved with the images, or None.
            boxes: dict of `boxes` (batch, n, 4) as left, top, right, bottom in pixels, and `classes` (batch,
                n), padded with -1, moved with the images; or None.
            seed: sequence of non-negative integers that fixes every draw.
            ignore_label: mask value of the pixels that an image was moved away from.

        Returns:
            float32 images. If `masks` or `boxes` are given, a tuple of the images and those: int32 masks,
            and a dict of float32 boxes and int32 classes, -1 for a box that was moved out of its image.
        """
        seeds = np.random.SeedSequence(seed).generate_state(max(1, len(self.layers)))
        images = keras.ops.convert_to_tensor(np.asarray(images, dtype="float32"))
        if masks is not None:
            masks = np.asarray(masks, dtype="int32")[..., None] + _MASK_OFFSET
            masks = keras.ops.convert_to_tensor(masks.astype("float32"))
        if boxes is not None:
            # Keras' layers expect the classes under the key "labels".
            boxes = {
                "boxes": keras.ops.convert_to_tensor(np.asarray(boxes["boxes"], dtype="float32")),
                "labels": keras.ops.convert_to_tensor(np.asarray(boxes["classes"], dtype="int32")),
            }
        for layer, layer_seed in zip(self.layers, seeds, strict=False):
            transformation = layer.get_random_transformation(
                {"images": images}, training=True, seed=int(layer_seed % (2**31))
            )
            images = layer.transform_images(images, transformation, training=True)
            if masks is not None:
                masks = layer.transform_segmentation_masks(masks, transformation, training=True)
            if boxes is not None:
                boxes = layer.transform_bounding_boxes(boxes, transformation, training=True)
        results = [keras.ops.convert_to_numpy(images).astype("float32")]
        if masks is not None:
            masks = np.rint(keras.ops.convert_to_numpy(masks)[..., 0]).astype("int32") - _MASK_OFFSET
            results.append(np.where(masks < 0, ignore_label, masks))
        if boxes is not None:
            results.append(_only_visible(boxes, results[0].shape[1:3]))
        return results[0] if len(results) == 1 else tuple(results)


def _only_visible(boxes, size):
    """Clips the boxes of Keras' layers to the image. A box without area gets class -1 and zeros."""
    edges = keras.ops.convert_to_numpy(boxes["boxes"]).astype("float32")
    classes = keras.ops.convert_to_numpy(boxes["labels"]).astype("int32")
    edges = np.clip(edges, 0, np.array([size[1], size[0]] * 2, dtype="float32"))
    there = (classes >= 0) & (edges[..., 2] > edges[..., 0]) & (edges[..., 3] > edges[..., 1])
    return {"boxes": np.where(there[..., None], edges, 0), "classes": np.where(there, classes, -1)}
