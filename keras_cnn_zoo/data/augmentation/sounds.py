"""Augmentation of waveforms whose every draw comes from the generator that is handed in: plain NumPy."""

import numpy as np


def change_speed(waveform, factor):
    """`waveform` played `factor` times as fast, and so much higher, by linear interpolation."""
    count = max(1, round(len(waveform) / factor))
    return np.interp(np.arange(count) * factor, np.arange(len(waveform)), waveform).astype("float32")


def shift(waveform, samples):
    """`waveform` moved to the right by `samples` (to the left where negative), silence behind it."""
    samples = int(np.clip(samples, -len(waveform), len(waveform)))
    moved = np.zeros_like(waveform)
    if samples >= 0:
        moved[samples:] = waveform[: len(waveform) - samples]
    else:
        moved[:samples] = waveform[-samples:]
    return moved


def add_noise(waveform, decibels, rng):
    """`waveform` with white noise whose standard deviation lies `decibels` from the waveform's peak."""
    level = float(np.abs(waveform).max()) * 10.0 ** (decibels / 20.0)
    return (waveform + level * rng.standard_normal(len(waveform))).astype("float32")
