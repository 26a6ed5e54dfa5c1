"""Conversion of recordings to mono waveforms of one rate and length, in NumPy."""

import math

import numpy as np

# A longer second axis is that of a spectrogram.
_MOST_CHANNELS = 64


def as_float(samples):
    """Converts samples of any numeric type to float32; integers are scaled from their range to [-1, 1].

    The zero of unsigned integers is in the middle of their range, as in 8-bit WAV files.
    """
    samples = np.asarray(samples)
    if samples.dtype.kind == "u":
        middle = 2.0 ** (8 * samples.dtype.itemsize - 1)
        return ((samples.astype("float64") - middle) / middle).astype("float32")
    if samples.dtype.kind == "i":
        return (samples / 2.0 ** (8 * samples.dtype.itemsize - 1)).astype("float32")
    return samples.astype("float32")


def samples_first(samples):
    """Returns a recording as (samples,) or (samples, channels).

    A recording has more samples than channels, so an array (channels, samples), as torchaudio returns it, is
    transposed.

    Raises:
        ValueError: The array has neither shape, or more than 64 channels.
    """
    samples = np.asarray(samples)
    if samples.ndim == 2 and samples.shape[0] < samples.shape[1]:
        samples = samples.T
    unclear = samples.ndim == 2 and (
        samples.shape[1] > _MOST_CHANNELS or samples.shape[0] == samples.shape[1] > 1
    )
    if samples.ndim not in (1, 2) or 0 in samples.shape or unclear:
        raise ValueError(
            "Each recording must be (samples,), (samples, channels), or (channels, samples), with at most "
            f"{_MOST_CHANNELS} channels. Received: array of shape {samples.shape}"
        )
    return samples


def mono(samples):
    """Returns the mean over the channels of (samples,) or (samples, channels)."""
    return samples if samples.ndim == 1 else samples.mean(axis=1)


def resample(waveform, rate, target):
    """Resamples `waveform` (samples,) from `rate` to `target` samples per second, band-limited."""
    if rate == target:
        return waveform
    from scipy.signal import resample_poly

    common = math.gcd(rate, target)
    return resample_poly(waveform, target // common, rate // common).astype("float32")


def fit_length(waveform, length):
    """Returns `waveform` with exactly `length` samples: padded with silence, or its loudest part.

    Args:
        waveform: float array (samples,).
        length: positive integer.

    Returns:
        Array (length,); a shorter waveform is in the middle.
    """
    missing = length - len(waveform)
    if missing >= 0:
        return np.pad(waveform, (missing // 2, missing - missing // 2))
    energy = np.concatenate([[0.0], np.cumsum(np.square(waveform, dtype="float64"))])
    within = energy[length:] - energy[:-length]
    # Many parts may contain all of a short word. Take the middle one.
    best = np.flatnonzero(within >= within.max() * (1 - 1e-9))
    start = int(best[len(best) // 2])
    return waveform[start : start + length]
