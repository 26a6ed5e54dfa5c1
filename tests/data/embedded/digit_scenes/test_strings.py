import hashlib

import numpy as np
import pytest

from keras_cnn_zoo.data.embedded.digit_scenes import strings
from keras_cnn_zoo.data.embedded.digit_scenes.glyphs import POOLS, load_glyphs

pytest.importorskip("sklearn")


def test_texts_are_those_of_the_digits_drawn():
    labels = load_glyphs()[1]
    made = strings.strings("val")
    assert len(made.images) == len(made.texts) == len(made.glyphs) == strings.STRING_COUNTS["val"]
    for text, glyphs in zip(made.texts, made.glyphs, strict=True):
        assert text == "".join(str(labels[glyph]) for glyph in glyphs)
    assert {len(text) for text in made.texts} == set(range(1, 9))


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_splits_share_no_digit(split):
    first, last = POOLS[split]
    used = np.concatenate(strings.strings(split).glyphs)
    assert used.min() >= first and used.max() < last


def test_images_are_gray_32_high_and_wider_for_longer_texts():
    made = strings.strings("test")
    for image, text in zip(made.images, made.texts, strict=True):
        assert image.dtype == np.uint8 and image.shape[0] == 32 and image.shape[2] == 1
        assert 8 * len(text) < image.shape[1] <= 16 + 40 * len(text)
        assert image.std() > 5 and not image.flags.writeable


def test_strings_depend_only_on_the_split():
    before = strings.strings("val")
    strings.strings.cache_clear()
    after = strings.strings("val")
    assert after is not before and after.texts == before.texts
    joined = b"".join(image.tobytes() for image in after.images)
    assert joined == b"".join(image.tobytes() for image in before.images)
    # Origin: the first release of the set. A change needs a new version of the builder.
    assert hashlib.sha256("\n".join(after.texts).encode()).hexdigest()[:16] == "5cfceb8ecc1b3b1a"
