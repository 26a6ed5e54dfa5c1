"""Gray images of numbers of 1 to 8 handwritten digits in a row, for a text recognizer."""

import dataclasses
import functools

import numpy as np

from keras_cnn_zoo.data.embedded.digit_scenes.glyphs import GLYPH_SIZE, POOLS, enlarge, load_glyphs

HEIGHT = 32
STRING_COUNTS = {"train": 2000, "val": 300, "test": 500}
_SEEDS = {"train": 1611, "val": 1612, "test": 1613}
_LONGEST = 8


@dataclasses.dataclass(frozen=True)
class Strings:
    """The digit strings of one split.

    Args:
        images: Tuple of uint8 (32, W, 1) arrays, one per string; W grows with the string.
        texts: Tuple of strings of digits.
        glyphs: Tuple of int64 (n,) arrays: which of the 1,797 digits were drawn.
    """

    images: tuple
    texts: tuple
    glyphs: tuple


@functools.cache
def strings(split):
    """Returns the digit strings of one split. No two splits share a handwritten digit.

    Args:
        split: "train", "val" or "test".

    Returns:
        A `Strings`; its arrays are read-only.
    """
    draw = np.random.RandomState(_SEEDS[split])
    first, last = POOLS[split]
    ink, labels = load_glyphs()
    large = enlarge(ink[first:last], GLYPH_SIZE)
    images, texts, glyphs = [], [], []
    for _ in range(STRING_COUNTS[split]):
        chosen = draw.randint(last - first, size=draw.randint(1, _LONGEST + 1))
        images.append(_string(draw, large[chosen]))
        texts.append("".join(str(labels[first + glyph]) for glyph in chosen))
        glyphs.append((first + chosen).astype("int64"))
    for array in (*images, *glyphs):
        array.setflags(write=False)
    return Strings(tuple(images), tuple(texts), tuple(glyphs))


def _string(draw, digits):
    """Returns uint8 (32, W, 1): digits at varying heights and distances on a noisy gray background."""
    row = np.zeros((HEIGHT + 8, 16 + GLYPH_SIZE * len(digits)))
    right = draw.randint(2, 8)
    for digit in digits:
        columns = np.flatnonzero(digit.max(axis=0) > 0.2)
        drawn = digit[:, columns[0] : columns[-1] + 1]
        top = draw.randint(0, 9)
        window = row[top : top + GLYPH_SIZE, right : right + drawn.shape[1]]
        np.maximum(window, drawn, out=window)
        right += drawn.shape[1] + draw.randint(0, 5)
    row = row[4 : 4 + HEIGHT, : right + draw.randint(2, 8)]
    ground, contrast = draw.uniform(0.0, 110.0), draw.uniform(60.0, 140.0)
    scene = ground + contrast * row + 5.0 * draw.standard_normal(row.shape)
    if draw.uniform() < 0.5:
        scene = 255.0 - scene
    return np.rint(np.clip(scene, 0.0, 255.0)).astype("uint8")[..., None]
