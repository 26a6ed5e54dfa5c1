import numpy as np
import pytest

from keras_cnn_zoo.ops.host import waveforms


@pytest.mark.parametrize(
    "samples, expected",
    [
        (np.array([0, 128, 255], "uint8"), [-1.0, 0.0, 127 / 128]),
        (np.array([-32768, 0, 16384], "int16"), [-1.0, 0.0, 0.5]),
        (np.array([-(2**31), 2**30], "int32"), [-1.0, 0.5]),
        (np.array([0.25, -3.0], "float64"), [0.25, -3.0]),
    ],
)
def test_integers_are_scaled_by_their_range(samples, expected):
    found = waveforms.as_float(samples)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-7)


@pytest.mark.parametrize("rate", [16000, 11025, 44100, 6000])
def test_a_tone_keeps_its_pitch_through_resampling(rate):
    tone = np.sin(2 * np.pi * 440 * np.arange(rate) / rate).astype("float32")
    found = waveforms.resample(tone, rate, 8000)
    assert abs(len(found) - 8000) <= 1 and found.dtype == np.float32
    expected = np.sin(2 * np.pi * 440 * np.arange(len(found)) / 8000)
    np.testing.assert_allclose(found[200:-200], expected[200:-200], atol=5e-3)


def test_resampling_removes_frequencies_that_would_alias():
    high = np.sin(2 * np.pi * 7000 * np.arange(16000) / 16000).astype("float32")
    assert np.abs(waveforms.resample(high, 16000, 8000)[200:-200]).max() < 0.01


def test_the_same_rate_changes_nothing():
    tone = np.arange(5, dtype="float32")
    assert waveforms.resample(tone, 8000, 8000) is tone


def test_short_waveforms_are_padded_on_both_sides():
    np.testing.assert_array_equal(waveforms.fit_length(np.ones(3), 6), [0, 1, 1, 1, 0, 0])
    np.testing.assert_array_equal(waveforms.fit_length(np.ones(4), 4), np.ones(4))


def test_long_waveforms_are_cut_to_their_loudest_part():
    long = np.full(100, 0.01)
    long[70:75] = 1.0
    found = waveforms.fit_length(long, 11)
    assert len(found) == 11 and found.sum() > 5
    # All parts that contain the burst are equally loud. In the middle one, the burst is in the middle.
    np.testing.assert_array_equal(np.flatnonzero(found == 1.0), [3, 4, 5, 6, 7])


def test_channels_are_averaged():
    np.testing.assert_allclose(waveforms.mono(np.array([[1.0, 0.0], [0.0, -1.0]])), [0.5, -0.5])


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((9,), (9,)), ((9, 2), (9, 2)), ((2, 9), (9, 2)), ((1, 9), (9, 1)), ((1, 1), (1, 1))],
)
def test_samples_are_the_longer_axis(shape, expected):
    samples = np.arange(np.prod(shape)).reshape(shape)
    found = waveforms.samples_first(samples)
    assert found.shape == expected
    np.testing.assert_array_equal(found, samples.T if shape != expected else samples)


@pytest.mark.parametrize("shape", [(), (0,), (0, 2), (3, 3), (65, 80), (2, 2, 9)])
def test_arrays_that_are_no_recording_are_refused(shape):
    with pytest.raises(ValueError, match=r"Each recording must be \(samples,\), \(samples, channels\), or"):
        waveforms.samples_first(np.zeros(shape))
