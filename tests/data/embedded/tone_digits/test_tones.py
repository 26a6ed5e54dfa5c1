import hashlib

import numpy as np
import pytest

from keras_cnn_zoo.data.embedded.tone_digits import tones

SPLITS = ("train", "val", "test")

# Frozen since the first release, so that old models can be measured on the same clips.
HASHES = {
    "train": "964e944007ea70c8808aed6493abb2e6cdb2fad86ea7ee24e8a277d32e539103",
    "val": "a16967ac5a0f6b2389ae497ff5071c7e70c7c9eecc793b0708ed421062ad67ca",
    "test": "e72466d3fe2e183f02310b3070e6fd48eb2e63c55a626d098c6ef2b238d37e65",
}
# The keypad of ITU-T Q.23, row by row.
PAD = {697: "123", 770: "456", 852: "789", 941: " 0 "}
COLUMNS = (1209, 1336, 1477)


def digest(made):
    return hashlib.sha256(
        b"".join([made.labels.tobytes(), *(clip.tobytes() for clip in made.clips)])
    ).hexdigest()


@pytest.mark.parametrize("split", SPLITS)
def test_the_samples_are_frozen(split):
    assert digest(tones.tones(split)) == HASHES[split]


def test_two_calls_give_equal_arrays():
    once = tones.tones("val")
    tones.tones.cache_clear()
    again = tones.tones("val")
    assert once is not again and digest(once) == digest(again)


def test_the_frequencies_are_those_of_the_key_pad():
    for row, keys in PAD.items():
        for column, key in zip(COLUMNS, keys, strict=True):
            if key != " ":
                assert tones.FREQUENCIES[int(key)] == (row, column)
    assert len(set(tones.FREQUENCIES)) == 10


@pytest.mark.parametrize("split", SPLITS)
def test_shapes_types_and_balance(split):
    made = tones.tones(split)
    count = tones.COUNTS[split]
    assert len(made.clips) == count and made.labels.shape == (count,) and made.labels.dtype == np.int64
    np.testing.assert_array_equal(np.bincount(made.labels), np.full(10, count // 10))
    for clip in made.clips:
        assert clip.dtype == np.int16 and 0.35 <= len(clip) / 8000 <= 0.9
        peak = np.abs(clip.astype(int)).max() / 32767
        assert 10 ** (-30.1 / 20) < peak < 10 ** (-2.9 / 20)


def test_splits_share_no_clip():
    seen = [{clip.tobytes() for clip in tones.tones(split).clips} for split in SPLITS]
    assert sum(map(len, seen)) == len(set.union(*seen)) == sum(tones.COUNTS.values())


def goertzel(clip, hertz):
    """Returns the largest power at a frequency in windows of 50 ms."""
    wave = np.exp(-2j * np.pi * hertz * np.arange(400) / 8000)
    return max(np.abs(np.dot(clip[start : start + 400], wave)) for start in range(0, len(clip) - 399, 80))


def test_the_two_tones_of_the_digit_are_in_the_clip():
    made = tones.tones("test")
    right = 0
    for clip, label in zip(made.clips[:100], made.labels[:100], strict=True):
        clip = clip.astype("float64")
        row = max((697, 770, 852, 941), key=lambda hertz: goertzel(clip, hertz))
        column = max(COLUMNS, key=lambda hertz: goertzel(clip, hertz))
        right += tones.FREQUENCIES[label] == (row, column)
    # A plain detector of eight frequencies, without deviation and noise, reads nearly all clips.
    assert right >= 90


def test_arrays_are_read_only():
    made = tones.tones("val")
    with pytest.raises(ValueError, match="read-only"):
        made.clips[0][0] = 1
    with pytest.raises(ValueError, match="read-only"):
        made.labels[0] = 1
