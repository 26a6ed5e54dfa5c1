import numpy as np
import pytest

from keras_cnn_zoo.data.augmentation import sounds as sound_augmentation


def test_speed_changes_length_and_pitch():
    tone = np.sin(2 * np.pi * 200 * np.arange(8000) / 8000).astype("float32")
    fast = sound_augmentation.change_speed(tone, 1.25)
    assert len(fast) == 6400 and fast.dtype == np.float32
    np.testing.assert_allclose(fast[:-2], np.sin(2 * np.pi * 250 * np.arange(6398) / 8000), atol=0.005)
    np.testing.assert_array_equal(sound_augmentation.change_speed(tone, 1.0), tone)


def test_one_sample_survives_any_speed():
    assert len(sound_augmentation.change_speed(np.ones(1, "float32"), 1.9)) == 1


@pytest.mark.parametrize(
    "samples, expected", [(0, [1, 2, 3]), (1, [0, 1, 2]), (-2, [3, 0, 0]), (3, [0, 0, 0]), (-9, [0, 0, 0])]
)
def test_shift(samples, expected):
    np.testing.assert_array_equal(sound_augmentation.shift(np.array([1.0, 2.0, 3.0]), samples), expected)


def test_noise_has_the_given_level():
    wave = np.zeros(20000, "float32")
    wave[0] = -0.5
    found = sound_augmentation.add_noise(wave, -20.0, np.random.default_rng(0))
    assert found.dtype == np.float32
    assert found[1:].std() == pytest.approx(0.05, rel=0.03)


def test_the_generator_fixes_the_noise():
    wave = np.ones(9, "float32")
    one, same, other = (sound_augmentation.add_noise(wave, -9.0, np.random.default_rng(i)) for i in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()
