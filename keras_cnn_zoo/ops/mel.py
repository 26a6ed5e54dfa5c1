"""Mel spectra of waveforms as two convolutions with constant kernels: no transform, no complex numbers."""

import functools

import numpy as np
from keras import ops

# The break of O'Shaughnessy's mel scale and the factor for natural logarithms, as in HTK and in Keras.
BREAK_HERTZ = 700.0
MEL_PER_LOG = 1127.0


def hertz_to_mel(hertz):
    """Frequency on the mel scale."""
    return MEL_PER_LOG * np.log1p(np.asarray(hertz, dtype="float64") / BREAK_HERTZ)


@functools.lru_cache(maxsize=32)
def mel_filters(num_mel_bins, fft_length, sample_rate, low, high):
    """Triangles of height 1, evenly spaced on the mel scale between `low` and `high` Hz.

    Args:
        num_mel_bins: number of triangles.
        fft_length: length of the transform in samples.
        sample_rate: samples a second.
        low: lower edge of the first triangle in Hz.
        high: upper edge of the last one in Hz.

    Returns:
        float64 array (fft_length // 2 + 1, num_mel_bins); the row of frequency 0 is zero.
    """
    frequencies = hertz_to_mel(np.linspace(0.0, sample_rate / 2.0, fft_length // 2 + 1))[:, None]
    edges = np.linspace(hertz_to_mel(low), hertz_to_mel(high), num_mel_bins + 2)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    rising = (frequencies - lower) / (centre - lower)
    falling = (upper - frequencies) / (upper - centre)
    filters = np.maximum(0.0, np.minimum(rising, falling))
    filters[0] = 0.0
    return filters


@functools.lru_cache(maxsize=32)
def fourier_kernels(frame_length, fft_length, bins):
    """Cosines and sines under a periodic Hann window: what a frame is multiplied by.

    Args:
        frame_length: length of the window in samples.
        fft_length: length of the transform in samples, the frame in its middle.
        bins: tuple of frequency numbers.

    Returns:
        float64 array (frame_length, 2 * len(bins)): the cosines, then the sines.
    """
    position = np.arange(frame_length)
    window = 0.5 - 0.5 * np.cos(2.0 * np.pi * position / frame_length)
    # Reduced in integers first: the angles stay exact for long frames.
    turns = (position[:, None] * np.asarray(bins)) % fft_length
    angles = 2.0 * np.pi * turns / fft_length
    return np.concatenate([np.cos(angles), np.sin(angles)], axis=1) * window[:, None]


def mel_power(waveforms, *, frame_length, frame_step, fft_length, sample_rate, num_mel_bins, low, high):
    """Power in mel bands of the frames of waveforms: `keras.layers.MelSpectrogram` without decibels.

    Frames are centred on multiples of `frame_step`; beyond its ends the waveform is mirrored.

    Args:
        waveforms: tensor (batch, samples), float32 or float64.
        frame_length: length of a frame in samples.
        frame_step: samples between two frames.
        fft_length: length of the transform in samples, at least `frame_length`.
        sample_rate: samples a second.
        num_mel_bins: number of mel bands.
        low: lowest frequency in Hz.
        high: highest frequency in Hz.

    Returns:
        Tensor (batch, samples // frame_step + 1, num_mel_bins) of the same dtype, at least 0.
    """
    filters = mel_filters(num_mel_bins, fft_length, sample_rate, low, high)
    # Frequencies that no band listens to are not computed.
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
