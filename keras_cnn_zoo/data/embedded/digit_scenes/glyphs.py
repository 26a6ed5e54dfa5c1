"""The 1,797 handwritten digits of scikit-learn, enlarged, and their splits.

scikit-learn ships the test part of the UCI set "Optical Recognition of Handwritten Digits" (E. Alpaydin
and C. Kaynak, 1998): 13 writers, 8 x 8 pixels, ink 0 to 16. The file is ordered by writer, so the splits are
contiguous blocks: a digit belongs to one split only, and so do most writers.
"""

import functools

import numpy as np

GLYPH_SIZE = 32
POOLS = {"train": (0, 1197), "val": (1197, 1397), "test": (1397, 1797)}


@functools.lru_cache(maxsize=1)
def load_glyphs():
    """Returns the ink of all digits in [0, 1], float64 (1797, 8, 8), and their classes, int64 (1797,)."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    ink, labels = digits.images / 16.0, digits.target.astype("int64")
    for array in (ink, labels):
        array.setflags(write=False)
    return ink, labels


def resize_matrix(source, target):
    """Returns Catmull-Rom interpolation from `source` to `target` points as a (target, source) matrix.

    The signal is 0 beyond its border, so that a stroke at the edge of a digit ends there.
    """
    position = (np.arange(target) + 0.5) * source / target - 0.5
    distance = np.abs(position[:, None] - np.arange(source)[None, :])
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1.0
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4.0 * distance + 2.0
    return np.where(distance <= 1.0, near, np.where(distance < 2.0, far, 0.0))


def enlarge(ink, size):
    """Returns digits (N, 8, 8) enlarged to `size` x `size` pixels, still in [0, 1]."""
    matrix = resize_matrix(ink.shape[1], size)
    rows = np.einsum("th,nhw->ntw", matrix, ink)
    return np.clip(np.einsum("nhw,tw->nht", rows, matrix), 0.0, 1.0)
