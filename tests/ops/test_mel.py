import keras
import numpy as np
import pytest

from keras_cnn_zoo.ops import mel

SETTINGS = dict(
    frame_length=50, frame_step=20, fft_length=64, sample_rate=2000, num_mel_bins=12, low=60.0, high=1000.0
)


def naive(waveform, *, frame_length, frame_step, fft_length, sample_rate, num_mel_bins, low, high):
    """Computes frames, their Fourier transform, and triangles number by number in float64."""
    half = fft_length // 2
    mirrored = [waveform[abs(i)] if i < len(waveform) else waveform[2 * (len(waveform) - 1) - i]
                for i in range(-half, len(waveform) + half)]  # fmt: skip
    margin = (fft_length - frame_length) // 2

    def to_mel(hertz):
        return 1127.0 * np.log(1.0 + hertz / 700.0)

    edges = [
        to_mel(low) + i * (to_mel(high) - to_mel(low)) / (num_mel_bins + 1) for i in range(num_mel_bins + 2)
    ]
    rows = []
    for start in range(0, len(waveform) + 1, frame_step):
        frame = np.zeros(fft_length)
        for i in range(frame_length):
            hann = 0.5 - 0.5 * np.cos(2 * np.pi * i / frame_length)
            frame[margin + i] = hann * mirrored[start + margin + i]
        spectrum = np.abs(np.fft.rfft(frame)) ** 2
        row = []
        for band in range(num_mel_bins):
            total = 0.0
            for k in range(1, half + 1):
                m = to_mel(k * sample_rate / fft_length)
                rising = (m - edges[band]) / (edges[band + 1] - edges[band])
                falling = (edges[band + 2] - m) / (edges[band + 2] - edges[band + 1])
                total += spectrum[k] * max(0.0, min(rising, falling))
            row.append(total)
        rows.append(row)
    return np.array(rows)


def power(waveforms, **settings):
    return keras.ops.convert_to_numpy(mel.mel_power(keras.ops.convert_to_tensor(waveforms), **settings))


def test_it_equals_the_definition():
    waveform = np.random.default_rng(0).normal(size=177)
    expected = naive(waveform, **SETTINGS)
    actual = power(waveform[None].astype("float32"), **SETTINGS)[0]
    assert actual.shape == expected.shape == (9, 12)
    np.testing.assert_allclose(actual, expected, atol=1e-5 * expected.max())


@pytest.mark.parametrize("rate, length", [(8000, 200), (16000, 400)])
def test_it_equals_keras(rate, length):
    waveforms = np.random.default_rng(1).normal(size=(3, rate // 2)).astype("float32")
    waveforms *= np.linspace(0.001, 1, rate // 2, dtype="float32")
    fft_length = 256 if length == 200 else 512
    layer = keras.layers.MelSpectrogram(
        fft_length=fft_length,
        sequence_length=length,
        sequence_stride=rate // 100,
        sampling_rate=rate,
        num_mel_bins=40,
        min_freq=60.0,
        max_freq=rate / 2,
        power_to_db=False,
    )
    expected = keras.ops.convert_to_numpy(layer(waveforms)).swapaxes(1, 2)
    actual = power(
        waveforms,
        frame_length=length,
        frame_step=rate // 100,
        fft_length=fft_length,
        sample_rate=rate,
        num_mel_bins=40,
        low=60.0,
        high=rate / 2,
    )
    np.testing.assert_allclose(actual, expected, atol=1e-4 * expected.max(), rtol=1e-4)


def test_the_power_of_a_pure_tone_is_in_its_band():
    centre = mel.mel_filters(12, 64, 2000, 60.0, 1000.0).argmax(0)
    time = np.arange(400) / 2000
    for band in (3, 7, 10):
        hertz = centre[band] * 2000 / 64
        found = power(np.sin(2 * np.pi * hertz * time)[None].astype("float32"), **SETTINGS)[0]
        assert (found[3:-3].argmax(-1) == band).all()


def test_filters_are_triangles_without_frequency_zero():
    filters = mel.mel_filters(10, 512, 16000, 100.0, 7000.0)
    assert filters.shape == (257, 10) and filters.min() == 0 and filters.max() <= 1
    assert not filters[0].any()
    for column in filters.T:
        top = column.argmax()
        assert (np.diff(column[: top + 1]) >= 0).all() and (np.diff(column[top:]) <= 0).all()


def test_silence_has_no_power():
    assert not power(np.zeros((2, 300), "float32"), **SETTINGS).any()
