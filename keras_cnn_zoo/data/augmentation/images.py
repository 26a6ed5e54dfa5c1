"""Augmentation whose random draws are functions of a seed: crops by Pillow, the rest by Keras' layers."""

import keras
import numpy as np

# Added to class ids before Keras' layers move a mask, so that the zeros they fill in mean "no pixel".
_MASK_OFFSET = 1
# Cells per axis of the mesh that an elastic deformation is drawn with; the map is bilinear in each.
_CELLS = 8


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


def elastic(image, mask=None, *, strength, rng):
    """Bends an image smoothly, as by a 3 x 3 grid of nodes that are pulled at random.

    The displacement of a pixel is the polynomial of second degree through those of the nodes. A pixel from
    outside the image has the color of the nearest edge.

    Reference: Ronneberger, Fischer, Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation",
    2015, arXiv 1505.04597, section 3.1. Differs from the paper: its displacements are interpolated by cubic
    splines, which three nodes do not determine.

    Args:
        image: uint8 array (height, width, channels), resampled bilinearly.
        mask: integer array (height, width), resampled with nearest neighbor, or None.
        strength: standard deviation of a node's displacement along each axis, as a fraction of the edge.
        rng: `numpy.random.Generator`, the only source of randomness.

    Returns:
        The bent image. If `mask` is given, the pair (image, mask).
    """
    from PIL import Image

    height, width = image.shape[:2]
    mesh = _bent_mesh((height, width), strength * rng.standard_normal((2, 3, 3)))

    def bend(array, method):
        picture = Image.fromarray(array)
        return np.asarray(picture.transform(picture.size, Image.Transform.MESH, mesh, resample=method))

    if image.shape[2] == 3:
        bent = bend(image, Image.Resampling.BILINEAR)
    else:
        # Pillow multiplies colors by a fourth channel.
        planes = [bend(plane, Image.Resampling.BILINEAR) for plane in np.moveaxis(image, -1, 0)]
        bent = np.stack(planes, axis=-1)
    if mask is None:
        return bent
    return bent, bend(mask.astype("int32"), Image.Resampling.NEAREST).astype(mask.dtype)


def _bent_mesh(size, displacements):
    """Returns Pillow's mesh for displacements (2, 3, 3), down and right, as fractions of the edges.

    A cell of the mesh is a rectangle of the result, and the four corners that it comes from.
    """
    edges = [np.unique(np.linspace(0, edge, _CELLS + 1).round().astype(int)) for edge in size]
    places = [line / edge for line, edge in zip(edges, size, strict=True)]
    # The polynomials that are 1 at one of the nodes 0, 0.5, 1, and 0 at the others.
    down, right = (np.stack([(1 - t) * (1 - 2 * t), 4 * t * (1 - t), t * (2 * t - 1)], 1) for t in places)
    # Pillow counts the far edge as outside.
    rows, columns = (
        np.clip((start + down @ nodes @ right.T) * edge, 0, edge * (1 - 1e-6))
        for start, nodes, edge in zip(
            (places[0][:, None], places[1][None, :]), displacements, size, strict=True
        )
    )
    mesh = []
    for i in range(len(edges[0]) - 1):
        for j in range(len(edges[1]) - 1):
            corners = [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)]
            quad = [float(value) for corner in corners for value in (columns[corner], rows[corner])]
            box = (edges[1][j], edges[0][i], edges[1][j + 1], edges[0][i + 1])
            mesh.append((tuple(map(int, box)), tuple(quad)))
    return mesh


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
