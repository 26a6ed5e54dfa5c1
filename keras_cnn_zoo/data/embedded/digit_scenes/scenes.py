"""Digits on black for classification, and gray scenes of 1 to 5 digits with masks and boxes.

A split is a function of its name: NumPy's legacy generator, whose stream never changes, draws in a fixed
order. The scenes of two splits share no handwritten digit (see `glyphs.POOLS`).
"""

import dataclasses
import functools

import numpy as np

from keras_cnn_zoo.data.embedded.digit_scenes.glyphs import GLYPH_SIZE, POOLS, enlarge, load_glyphs

SIZE = 96
DIGIT_SIZE = 28
DIGIT_CLASSES = tuple(str(digit) for digit in range(10))
MASK_CLASSES = ("background", *DIGIT_CLASSES)
SCENE_COUNTS = {"train": 1200, "val": 200, "test": 300}
_SEEDS = {"train": 1601, "val": 1602, "test": 1603}

_MOST_DIGITS = 5
_SIDES = (22, 44)
_TRIES = 40
_GROUND = (70.0, 185.0)
_CONTRAST = (55.0, 120.0)


@dataclasses.dataclass(frozen=True)
class Scenes:
    """The scenes of one split.

    Args:
        images: uint8 (N, 96, 96, 1).
        masks: uint8 (N, 96, 96), 0 = background, 1 + d = digit d.
        boxes: Tuple of float32 (n, 4) arrays, one per scene: (y_min, x_min, y_max, x_max) of the digits'
            masks in pixels.
        labels: Tuple of int64 (n,) arrays of digits, one per scene.
        glyphs: Tuple of int64 (n,) arrays: which of the 1,797 digits was drawn.
    """

    images: np.ndarray
    masks: np.ndarray
    boxes: tuple
    labels: tuple
    glyphs: tuple


@functools.cache
def digits(split):
    """Returns the single digits of one split as in MNIST: 20 x 20 centered in 28 x 28, white on black.

    Args:
        split: "train", "val" or "test".

    Returns:
        images uint8 (N, 28, 28, 1) and labels int64 (N,), both read-only.
    """
    first, last = POOLS[split]
    ink, labels = load_glyphs()
    inner = np.rint(255.0 * enlarge(ink[first:last], 20)).astype("uint8")
    images = np.pad(inner, ((0, 0), (4, 4), (4, 4)))[..., None]
    images.setflags(write=False)
    return images, labels[first:last]


@functools.cache
def scenes(split):
    """Returns the scenes of one split.

    Args:
        split: "train", "val" or "test".

    Returns:
        A `Scenes`; its arrays are read-only.
    """
    count = SCENE_COUNTS[split]
    draw = np.random.RandomState(_SEEDS[split])
    first, last = POOLS[split]
    ink, all_labels = load_glyphs()
    large = enlarge(ink[first:last], GLYPH_SIZE)
    images = np.zeros((count, SIZE, SIZE, 1), dtype="uint8")
    masks = np.zeros((count, SIZE, SIZE), dtype="uint8")
    boxes, labels, glyphs = [], [], []
    for index in range(count):
        level = draw.uniform(*_GROUND)
        scene = _ground(draw, level)
        placed, tight, chosen = [], [], []
        for _ in range(draw.randint(1, _MOST_DIGITS + 1)):
            glyph = draw.randint(last - first)
            alpha = _transformed(draw, large[glyph])
            shade = _shade(draw, level)
            box = _free_place(draw, alpha.shape, placed)
            if box is None:
                continue
            window = slice(box[0], box[2]), slice(box[1], box[3])
            scene[window] += alpha * (shade - scene[window])
            inside = alpha >= 0.5
            masks[index][window][inside] = 1 + all_labels[first + glyph]
            placed.append(box)
            tight.append(np.add(_extent(inside), (*box[:2], *box[:2])))
            chosen.append(first + glyph)
        scene += 6.0 * draw.standard_normal(scene.shape)
        images[index, ..., 0] = np.rint(np.clip(scene, 0.0, 255.0))
        boxes.append(np.array(tight, dtype="float32"))
        labels.append(all_labels[chosen])
        glyphs.append(np.array(chosen, dtype="int64"))
    for array in (images, masks, *boxes, *labels, *glyphs):
        array.setflags(write=False)
    return Scenes(images, masks, tuple(boxes), tuple(labels), tuple(glyphs))


def _ground(draw, level):
    """Returns a textured background, float64 (96, 96): a slope and two octaves of noise around `level`."""
    down, across = draw.uniform(-25.0, 25.0, size=2)
    ramp = np.linspace(-1.0, 1.0, SIZE)
    ground = level + down * ramp[:, None] + across * ramp
    for points, strength in ((5, 22.0), (24, 12.0)):
        grid = draw.uniform(-strength, strength, size=(points, points))
        ground += _stretched(_stretched(grid).T).T
    return ground


def _stretched(grid):
    """Interpolates the rows of `grid` linearly to `SIZE` rows."""
    position = np.linspace(0.0, len(grid) - 1.0, SIZE)
    low = np.minimum(position.astype("int64"), len(grid) - 2)
    share = (position - low)[:, None]
    return grid[low] * (1.0 - share) + grid[low + 1] * share


def _shade(draw, level):
    """Returns a gray value that is darker or lighter than the background's level."""
    contrast = draw.uniform(*_CONTRAST)
    darker = draw.uniform() < 0.5
    if darker and level - contrast < 5.0:
        darker = False
    elif not darker and level + contrast > 250.0:
        darker = True
    return level - contrast if darker else level + contrast


def _transformed(draw, glyph):
    """Rotates, shears, and scales a digit. Returns its coverage in [0, 1], cropped to its extent."""
    side = draw.randint(_SIDES[0], _SIDES[1] + 1)
    angle, shear, aspect = draw.uniform(-0.3, 0.3), draw.uniform(-0.2, 0.2), draw.uniform(0.8, 1.2)
    # Rounded, because math libraries differ in the last digits of a cosine.
    cosine, sine = round(float(np.cos(angle)), 9), round(float(np.sin(angle)), 9)
    # A rotated square extends to 1.5 times its side.
    reach = int(1.5 * side)
    centered = (np.arange(reach) + 0.5 - reach / 2.0) * (GLYPH_SIZE / side)
    down, across = centered[:, None], centered[None, :]
    rows = cosine * down - sine * across
    columns = aspect * (sine * down + cosine * across) + shear * rows
    ink = _sample(glyph, rows + (GLYPH_SIZE - 1) / 2.0, columns + (GLYPH_SIZE - 1) / 2.0)
    alpha = np.clip((ink - 0.25) / 0.3, 0.0, 1.0)
    top, left, bottom, right = _extent(alpha > 0.0)
    return alpha[top:bottom, left:right]


def _extent(inside):
    """Returns (y0, x0, y1, x1) around the true values."""
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return rows[0], columns[0], rows[-1] + 1, columns[-1] + 1


def _sample(glyph, rows, columns):
    """Samples `glyph` bilinearly at real positions, with 0 outside."""
    padded = np.pad(glyph, 1)
    rows = np.clip(rows + 1.0, 0.0, GLYPH_SIZE + 0.999)
    columns = np.clip(columns + 1.0, 0.0, GLYPH_SIZE + 0.999)
    top, left = rows.astype("int64"), columns.astype("int64")
    down, across = rows - top, columns - left
    upper = padded[top, left] * (1.0 - across) + padded[top, left + 1] * across
    lower = padded[top + 1, left] * (1.0 - across) + padded[top + 1, left + 1] * across
    return upper * (1.0 - down) + lower * down


def _free_place(draw, shape, placed):
    """Returns a box (y0, x0, y1, x1) inside the scene that touches none of `placed`, or None."""
    height, width = shape
    for _ in range(_TRIES):
        y0, x0 = draw.randint(SIZE - height + 1), draw.randint(SIZE - width + 1)
        box = (y0, x0, y0 + height, x0 + width)
        if all(box[2] < b[0] or b[2] < box[0] or box[3] < b[1] or b[3] < box[1] for b in placed):
            return box
    return None
