"""Degrades a word like a camera: slanted view, loose crop, few pixels, blur, noise, and compression."""

import io

import numpy as np


def photograph(scene, box, size, rng, *, loose=(-0.03, 0.36), strength=1.0):
    """Crops a gray scene around a word and degrades it.

    Args:
        scene: float or uint8 array (height, width).
        box: (left, top, right, bottom) of the word in it.
        size: (height, width) of the result.
        rng: `numpy.random.Generator`, the only source of randomness.
        loose: range of the margin on each side of the word, as a share of its height.
        strength: factor of the slant: 1 for drawn words, less for photographs.

    Returns:
        uint8 array of shape `size`.
    """
    from PIL import Image, ImageFilter

    scene = np.asarray(scene)
    if scene.dtype != np.uint8:
        scene = np.clip(scene, 0.0, 255.0).astype("uint8")
    picture = Image.fromarray(scene)
    corners = _corners(box, rng, loose, strength)
    width = max(int(np.abs(corners[1:3, 0] - corners[[0, 3], 0]).mean()), 4)
    height = max(int(np.abs(corners[2:4, 1] - corners[[1, 0], 1]).mean()), 4)
    # Height of the word in the photograph: from a few pixels to more than the network's input.
    tall = min(height, int(np.exp(rng.uniform(np.log(12.0), np.log(72.0)))))
    factor = max(1.0, height / tall)
    view = (max(round(width / factor), 3), max(round(height / factor), 3))
    if max(factor, width / size[1] / 2) > 1.3:
        # The perspective transform does not average, so a much finer image is shrunk first.
        shrink = max(factor, min(width / size[1] / 2, factor * 2))
        smaller = (max(round(picture.width / shrink), 3), max(round(picture.height / shrink), 3))
        corners = corners * (np.array(smaller) / (picture.width, picture.height))
        picture = picture.resize(smaller, Image.Resampling.BOX)
        view = (min(view[0], max(round(width / shrink), 3)), view[1])
    picture = picture.transform(
        view, Image.Transform.QUAD, corners[[0, 3, 2, 1]].ravel().tolist(), Image.Resampling.BILINEAR
    )
    if rng.random() < 0.25:
        picture = _compressed(picture, int(rng.integers(20, 80)))
    picture = picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    blur = rng.random()
    if blur < 0.25:
        picture = picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 1.2)))
    values = np.asarray(picture)
    if 0.25 <= blur < 0.31:
        values = _smeared(values, int(rng.integers(2, 5)), int(rng.integers(2)))
    if rng.random() < 0.3:
        noise = rng.standard_normal(size, dtype="float32") * np.float32(rng.uniform(1.0, 9.0))
        values = np.clip(values + noise, 0.0, 255.0).astype("uint8")
    return values


def _corners(box, rng, loose, strength):
    """Returns the corners of the crop, clockwise from top left, float (4, 2) as (x, y)."""
    left, top, right, bottom = box
    height, width = bottom - top, right - left
    # Margins on the left, top, right, and bottom.
    room = rng.uniform(*loose, size=4) * height
    if rng.random() < 0.5:
        room *= 0.5
    corners = np.array(
        [
            [left - room[0], top - room[1]],
            [right + room[2], top - room[1]],
            [right + room[2], bottom + room[3]],
            [left - room[0], bottom + room[3]],
        ]
    )
    if rng.random() < 0.5:
        angle = rng.normal(0.0, 0.05) * strength
        slant = rng.normal(0.0, 0.12) * strength
        # A long word leaves the crop at smaller angles than a short one.
        angle *= min(1.0, 3.0 * height / width)
        offsets = corners - corners.mean(axis=0)
        turned = np.stack(
            [offsets[:, 0] - (angle - slant) * offsets[:, 1], offsets[:, 1] + angle * offsets[:, 0]], axis=1
        )
        corners = corners.mean(axis=0) + turned
    if rng.random() < 0.4:
        corners += rng.uniform(-0.1, 0.1, size=(4, 2)) * height * strength
    return corners


def retaken(image, size, rng, *, factor=1.0):
    """Changes the crop, slant, light, and sharpness of a photographed word at random.

    Args:
        image: uint8 array (height, width, channels).
        size: (height, width) of the result, uint8.
        rng: `numpy.random.Generator`.
        factor: factor of the margins, the slant, and the change of light.
    """
    from PIL import Image

    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).convert("L")
    # More than twice the network's input size is not needed.
    reduce = max(1, min(picture.height // (2 * size[0]), picture.width // (2 * size[1])))
    values = np.asarray(picture.reduce(reduce) if reduce > 1 else picture).astype("float32")
    # Brightness, contrast, and sometimes a negative: words occur dark on light and light on dark.
    low, high = (0.6, 1.3) if factor == 1 else (0.6**factor, 1.3**factor)
    gain = rng.uniform(low, high) * (-1.0 if rng.random() < 0.3 * factor else 1.0)
    values = 127.5 + rng.uniform(-30.0 * factor, 30.0 * factor) + gain * (values - 127.5)
    room = int(0.3 * values.shape[0]) + 2
    height, width = values.shape
    box = (room, room, room + width, room + height)
    loose = (-0.06 * factor, 0.1 * factor)
    return photograph(np.pad(values, room, mode="edge"), box, size, rng, loose=loose, strength=0.6 * factor)


def _compressed(picture, quality):
    from PIL import Image

    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    with Image.open(stream) as decoded:
        decoded.load()
        return decoded


def _smeared(values, length, axis):
    """Applies motion blur along an axis."""
    total = values.astype("float32")
    for shift in range(1, length):
        total += np.roll(values, shift, axis=axis)
    return (total / length).astype("uint8")
