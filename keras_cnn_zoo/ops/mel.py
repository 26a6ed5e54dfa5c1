"""Mel spectra of waveforms as two convolutions with constant kernels, without complex numbers."""

import functools

import numpy as np
from keras import ops

# The break frequency of O'Shaughnessy's mel scale and the factor for natural logarithms, as in HTK and Keras.
BREAK_HERTZ = 700.0
MEL_PER_LOG = 1127.0


def hertz_to_mel(hertz):
    """Converts a frequency to the mel scale."""
    return MEL_PER_LOG * np.log1p(np.asarray(hertz, dtype="float64") / BREAK_HERTZ)


@functools.lru_cache(maxsize=32)
def mel_filters(num_mel_bins, fft_length, sample_rate, low, high):
    """Returns triangular filters of height 1, evenly spaced on the mel scale from `low` to `high` Hz.

    Args:
        num_mel_bins: number of triangles.
        fft_length: length of the transform in samples.
        sample_rate: samples per second.
        low: lower edge of the first triangle in Hz.
        high: upper edge of the last triangle in Hz.

    Returns:
        float64 array (fft_length // 2 + 1, num_mel_bins); the row of frequency 0 is zero.
    """
    frequencies = hertz_to_mel(np.linspace(0.0, sample_rate / 2.0, fft_length // 2 + 1))[:, None]
    edges = np.linspace(hertz_to_mel(low), hertz_to_mel(high), num_mel_bins + 2)
    lower, center, upper = edges[:-2], edges[1:-1], edges[2:]
    rising = (frequencies - lower) / (center - lower)
    falling = (upper - frequencies) / (upper - center)
    filters = np.maximum(0.0, np.minimum(rising, falling))
    filters[0] = 0.0
    return filters


@functools.lru_cache(maxsize=32)
def fourier_kernels(frame_length, fft_length, bins):
    """Returns the Fourier kernels of a frame: cosines and sines times a periodic Hann window.

    Args:
        frame_length: length of the window in samples.
        fft_length: length of the transform in samples, with the frame in its middle.
        bins: tuple of frequency indices.

    Returns:
        float64 array (frame_length, 2 * len(bins)): the cosines, then the sines.
    """
    position = np.arange(frame_length)
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * position / frame_length)
    # Reduced in integers first, so the angles stay exact for long frames.
    turns = (position[:, None] * np.asarray(bins)) % fft_length
    angles = 2.0 * np.pi * turns / fft_length
    return np.concatenate([np.cos(angles), np.sin(angles)], axis=1) * window[:, None]


def mel_power(waveforms, *, frame_length, frame_step, fft_length, sample_rate, num_mel_bins, low, high):
    """Returns the power per frame and mel band: `keras.layers.MelSpectrogram` without decibels.

    Frames are centered on multiples of `frame_step`. The waveform is mirrored at its ends.

    Args:
        waveforms: tensor (batch, samples), float32 or float64.
        frame_length: length of a frame in samples.
        frame_step: samples between the starts of two frames.
        fft_length: length of the transform in samples, at least `frame_length`.
        sample_rate: samples per second.
        num_mel_bins: number of mel bands.
        low: lowest frequency in Hz.
        high: highest frequency in Hz.

    Returns:
        Tensor (batch, samples // frame_step + 1, num_mel_bins) of the same dtype, at least 0.
    """
    filters = mel_filters(num_mel_bins, fft_length, sample_rate, low, high)
    # Skip the frequencies that are in no band.
    bins = np.flatnonzero(filters.any(axis=1))
    kernels = fourier_kernels(frame_length, fft_length, tuple(int(number) for number in bins))
    before = fft_length // 2 - (fft_length - frame_length) // 2
    after = frame_length - before
    x = ops.pad(waveforms, [[0, 0], [before, after]], mode="reflect")[..., None]
    # keras.ops.matmul computes float64 in float32 on PyTorch; convolution does not.
    parts = ops.conv(
        x,
        ops.convert_to_tensor(kernels[:, None, :], x.dtype),
        strides=frame_step,
        padding="valid",
        data_format="channels_last",
    )
    power = ops.square(parts[..., : len(bins)]) + ops.square(parts[..., len(bins) :])
    return ops.conv(
        power,
        ops.convert_to_tensor(filters[None, bins], x.dtype),
        strides=1,
        padding="valid",
        data_format="channels_last",
    )
