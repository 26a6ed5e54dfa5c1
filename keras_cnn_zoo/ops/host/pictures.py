"""Checks of the images that people give to a model: numbers from 0 to 255, channels last."""

import numpy as np

CHANNELS = (1, 3, 4)
# Interpolation with negative weights exceeds the range of its image by less than this.
_OVERSHOOT = 64
# Images that were normalized have small values on both sides of 0.
_NORMALIZED = 16


def list_pictures(images):
    """Returns the images of a batch or list, each (height, width) or (height, width, channels).

    A single channel may be first: (1, height, width) is unambiguous.

    Args:
        images: One image, an array of several, or a list of images. Boolean images become 0 and 255.

    Raises:
        ValueError: The shape is not that of images, channels are first, or the values are not from 0 to 255.
    """
    if isinstance(images, (list, tuple)):
        if not images:
            raise ValueError("`images` must have at least one image. Received: images=[]")
        return [_channels_last(checked_pixels(image)) for image in images]
    images = checked_pixels(images)
    shape = images.shape
    if images.ndim == 2 or (images.ndim == 3 and shape[-1] in CHANNELS):
        return [images]
    if images.ndim == 3 and shape[0] == 3:
        raise ValueError(
            "`images` must have their channels last, (height, width, channels); three gray images as one "
            f"array need a channel axis, (3, height, width, 1). Received: array of shape {shape}"
        )
    if images.ndim in (3, 4) and len(images):
        return [_channels_last(image) for image in images]
    raise ValueError(
        f"`images` must be one image, a batch, or a list of images. Received: array of shape {shape}"
    )


def checked_pixels(image, name="images"):
    """Returns an image or a batch as an array of numbers from 0 to 255.

    Args:
        image: Array of any shape.
        name: Name of the argument in messages.

    Raises:
        ValueError: The values are not numbers, not finite, or of another range, such as 0 to 1. An array of
            uint8 is never refused.
    """
    image = np.asarray(image)
    if image.dtype == np.uint8:
        return image
    if image.dtype == bool:
        return image.astype("uint8") * 255
    if image.dtype.name == "bfloat16":
        # NumPy takes it for an unknown type.
        image = image.astype("float32")
    if image.dtype.kind not in "iuf":
        raise ValueError(f"`{name}` must be numbers from 0 to 255. Received: array of {image.dtype}")
    if not image.size:
        return image
    low, high = image.min(), image.max()
    if not np.isfinite(low) or not np.isfinite(high):
        raise ValueError(f"`{name}` must be finite. Received: a picture with NaN or infinite values")
    slack = _OVERSHOOT if image.dtype.kind == "f" else 0
    advice = None
    if low < -slack or high > 255 + slack:
        advice = "scale them to that range"
    elif (
        image.dtype.kind == "f"
        and (high <= 1 or low < 0 and high <= _NORMALIZED)
        and not np.array_equal(image, np.rint(image))
    ):
        advice = "multiply them by 255" if low >= 0 else "undo their normalization"
    if advice is not None:
        raise ValueError(
            f"`{name}` must be uint8 or numbers from 0 to 255: {advice}. "
            f"Received: {image.dtype} values from {low:g} to {high:g}"
        )
    return image


def _channels_last(image):
    if image.ndim == 3 and image.shape[-1] not in CHANNELS:
        if image.shape[0] == 1:
            return image[0]
        if image.shape[0] in CHANNELS:
            raise ValueError(
                "Each picture must have its channels last, (height, width, channels). "
                f"Received: array of shape {image.shape}"
            )
    return image
