"""Clips of one tone-dialed digit each, with the frequencies of ITU-T Q.23, in noise and hum.

A key sounds two tones at once, one for its row and one for its column. A split is a function of its name:
NumPy's legacy generator, whose stream never changes, draws in a fixed order.
"""

import dataclasses
import functools

import numpy as np

RATE = 8000
CLASSES = tuple(str(digit) for digit in range(10))
# (row, column) of each digit in Hz.
FREQUENCIES = (
    (941, 1336),
    (697, 1209), (697, 1336), (697, 1477),
    (770, 1209), (770, 1336), (770, 1477),
    (852, 1209), (852, 1336), (852, 1477),
)  # fmt: skip
COUNTS = {"train": 1000, "val": 200, "test": 300}
_SEEDS = {"train": 1611, "val": 1612, "test": 1613}

_SECONDS = (0.35, 0.9)
_TONE_SECONDS = (0.06, 0.25)
# Receivers must accept this relative deviation of each frequency.
_DEVIATION = 0.015
_RAMP = 40
_LEVEL_DB = (-30.0, -3.0)
_TWIST_DB = (-8.0, 4.0)
_NOISE_DB = (-25.0, 3.0)
_HUM_DB = (-40.0, -5.0)


@dataclasses.dataclass(frozen=True)
class Tones:
    """The clips of one split.

    Args:
        clips: Tuple of int16 arrays (samples,) at 8,000 samples per second.
        labels: int64 (N,), the digits.
    """

    clips: tuple
    labels: np.ndarray


@functools.cache
def tones(split):
    """Returns the clips of one split, with every digit equally often.

    Args:
        split: "train", "val" or "test".

    Returns:
        A `Tones`; its arrays are read-only.
    """
    draw = np.random.RandomState(_SEEDS[split])
    labels = draw.permutation(np.arange(COUNTS[split], dtype="int64") % len(CLASSES))
    clips = tuple(_clip(draw, FREQUENCIES[label]) for label in labels)
    for array in (labels, *clips):
        array.setflags(write=False)
    return Tones(clips, labels)


def _clip(draw, frequencies):
    """Returns one clip: hum and colored noise throughout, the two tones for a part of it."""
    length = int(RATE * draw.uniform(*_SECONDS))
    count = int(RATE * draw.uniform(*_TONE_SECONDS))
    start = draw.randint(length - count + 1)
    twist = _factor(draw.uniform(*_TWIST_DB))
    time = np.arange(length) / RATE
    signal = np.zeros(length)
    for frequency, strength in zip(frequencies, (1.0, twist), strict=True):
        exact = frequency * (1.0 + draw.uniform(-_DEVIATION, _DEVIATION))
        wave = np.sin(2.0 * np.pi * (exact * time[:count] + draw.uniform()))
        signal[start : start + count] += strength * _ramped(wave)
    # The levels of noise and hum are relative to the stronger tone.
    signal /= max(1.0, twist)
    noise = _colored(draw, length)
    signal += noise * (_factor(draw.uniform(*_NOISE_DB)) / np.sqrt(np.mean(noise**2)))
    mains = (50.0, 60.0)[draw.randint(2)]
    hum = np.sin(2.0 * np.pi * (mains * time + draw.uniform()))
    signal += _factor(draw.uniform(*_HUM_DB)) * hum
    level = _factor(draw.uniform(*_LEVEL_DB)) / np.abs(signal).max()
    return np.rint(32767.0 * level * signal).astype("int16")


def _factor(decibels):
    return 10.0 ** (decibels / 20.0)


def _ramped(wave):
    """Fades both ends of `wave` over 5 ms."""
    fade = 0.5 - 0.5 * np.cos(np.pi * np.arange(_RAMP) / _RAMP)
    wave[:_RAMP] *= fade
    wave[-_RAMP:] *= fade[::-1]
    return wave


def _colored(draw, length):
    """Returns white noise, or the sum of up to five neighboring samples, which has less treble."""
    width = draw.randint(1, 6)
    white = draw.standard_normal(length + width - 1)
    return sum(white[lag : lag + length] for lag in range(width))
