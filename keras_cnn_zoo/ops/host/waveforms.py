"""Recordings of any kind to waveforms of one rate, one channel and one length, in NumPy."""

import math

import numpy as np


def as_float(samples):
    """Samples of any numeric type as float32; integers are scaled to [-1, 1] by their own range.

    Unsigned integers have their zero in the middle of the range, as 8-bit WAV files do.
    """
    samples = np.asarray(samples)
    if samples.dtype.kind == "u":
        middle = 2.0 ** (8 * samples.dtype.itemsize - 1)
        return ((samples.astype("float64") - middle) / middle).astype("float32")
    if samples.dtype.kind == "i":
        return (samples / 2.0 ** (8 * samples.dtype.itemsize - 1)).astype("float32")
    return samples.astype("float32")


def mono(samples):
    """The mean of the channels of (samples,) or (samples, channels)."""
    return samples if samples.ndim == 1 else samples.mean(axis=1)


def resample(waveform, rate, target):
    """`waveform` (samples,) from `rate` to `target` samples a second, band-limited, as float32."""
    if rate == target:
        return waveform
    from scipy.signal import resample_poly

    common = math.gcd(rate, target)
    return resample_poly(waveform, target // common, rate // common).astype("float32")


def fit_length(waveform, length):
    """`waveform` with exactly `length` samples: silence on both sides, or its loudest stretch.

    Args:
        waveform: float array (samples,).
        length: positive integer.

    Returns:
        Array (length,); the original stands in the middle where it is shorter.
    """
    missing = length - len(waveform)
    if missing >= 0:
        return np.pad(waveform, (missing // 2, missing - missing // 2))
    energy = np.concatenate([[0.0], np.cumsum(np.square(waveform, dtype="float64"))])
    within = energy[length:] - energy[:-length]
    # Many stretches may hold all of a short word: the middle one.
    best = np.flatnonzero(within >= within.max() * (1 - 1e-9))
    start = int(best[len(best) // 2])
    return waveform[start : start + length]
