"""Augmentation of waveforms in NumPy. All randomness comes from the given generator."""

import numpy as np


def change_speed(waveform, factor):
    """Plays `waveform` `factor` times as fast, with a higher pitch, by linear interpolation."""
    count = max(1, round(len(waveform) / factor))
    return np.interp(np.arange(count) * factor, np.arange(len(waveform)), waveform).astype("float32")


def shift(waveform, samples):
    """Moves `waveform` to the right by `samples` (to the left if negative) and fills with silence."""
    samples = int(np.clip(samples, -len(waveform), len(waveform)))
    moved = np.zeros_like(waveform)
    if samples >= 0:
        moved[samples:] = waveform[: len(waveform) - samples]
    else:
        moved[:samples] = waveform[-samples:]
    return moved


def add_noise(waveform, decibels, rng):
    """Adds white noise. Its standard deviation is the waveform's peak changed by `decibels`."""
    level = float(np.abs(waveform).max()) * 10.0 ** (decibels / 20.0)
    return (waveform + level * rng.standard_normal(len(waveform))).astype("float32")
