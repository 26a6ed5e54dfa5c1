import numpy as np
import pytest

from keras_cnn_zoo.data.embedded.digit_scenes import glyphs

pytest.importorskip("sklearn")


def test_the_pools_are_disjoint_and_use_every_digit():
    ranges = [range(*glyphs.POOLS[name]) for name in ("train", "val", "test")]
    assert sorted(i for pool in ranges for i in pool) == list(range(1797))


def test_every_pool_has_every_class_equally_often():
    _, labels = glyphs.load_glyphs()
    for first, last in glyphs.POOLS.values():
        counts = np.bincount(labels[first:last], minlength=10)
        assert counts.min() >= 0.8 * counts.mean()


def test_ink_is_in_0_to_1_and_read_only():
    ink, labels = glyphs.load_glyphs()
    assert ink.shape == (1797, 8, 8) and labels.shape == (1797,)
    assert ink.min() == 0.0 and ink.max() == 1.0
    with pytest.raises(ValueError, match="read-only"):
        ink[0, 0, 0] = 1.0


def keys(t):
    t = abs(t)
    if t <= 1:
        return 1.5 * t**3 - 2.5 * t**2 + 1
    return -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t < 2 else 0.0


def test_enlarge_equals_catmull_rom_by_hand():
    ink = np.random.RandomState(0).uniform(0, 1, size=(1, 8, 8))
    size = 20
    expected = np.zeros((size, size))
    for i in range(size):
        for j in range(size):
            y, x = (i + 0.5) * 8 / size - 0.5, (j + 0.5) * 8 / size - 0.5
            expected[i, j] = sum(ink[0, r, c] * keys(y - r) * keys(x - c) for r in range(8) for c in range(8))
    np.testing.assert_allclose(glyphs.enlarge(ink, size)[0], np.clip(expected, 0, 1), atol=1e-12)


def test_enlarging_to_the_same_size_changes_nothing():
    ink, _ = glyphs.load_glyphs()
    np.testing.assert_allclose(glyphs.enlarge(ink[:5], 8), ink[:5], atol=1e-12)
