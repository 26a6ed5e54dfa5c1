"""Decodes WAV files of every width, rate, and number of channels to float32 waveforms of one channel.

| file | becomes |
|---|---|
| 8-bit (unsigned), 16, 24 and 32-bit PCM | scaled to [-1, 1] by the range of the type |
| 32 and 64-bit float | unchanged; scaled down if it exceeds [-1, 1] |
| several channels | their mean |

The sample rate is kept. SciPy decodes the samples and is given only them and their format. For a truncated
file, or unknown chunks, it would only warn, and warnings cannot be caught in threads.
"""

import io
import os
import struct

import numpy as np

from keras_cnn_zoo.ops.host.waveforms import as_float, mono
from keras_cnn_zoo.utils.errors import InputError

SUFFIXES = (".wav", ".wave")
# A program that does not know the size yet, as in a pipe, writes this.
_UNKNOWN_SIZE = 0xFFFFFFFF


def is_sound(name):
    """Returns whether a file name is that of a WAV file and not hidden."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES


def decode(path):
    """Reads a WAV file.

    Args:
        path: Path of the file.

    Returns:
        The waveform, a float32 array (samples,) within [-1, 1], and its samples per second as int.

    Raises:
        InputError: The file is not a WAV file, is truncated, has no samples or NaN, or is silent.
    """
    from scipy.io import wavfile

    try:
        rate, samples = wavfile.read(io.BytesIO(_essential(path)))
    except InputError:
        raise
    # SciPy raises these for unknown formats and contradictory headers.
    except (ValueError, EOFError, OverflowError, ZeroDivisionError, TypeError, struct.error) as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise InputError(f"cannot read {path}: {reason}") from error
    if not rate:
        raise InputError(f"cannot read {path}: its sample rate is 0")
    if not samples.size:
        raise InputError(f"{path} has no samples")
    # SciPy puts 24-bit samples into the upper bytes of 32-bit ones.
    waveform = mono(as_float(samples))
    return check(waveform, path), int(rate)


def inspect(path):
    """Checks that a file is a whole WAV file, without decoding it, and returns its size in bytes."""
    return len(_essential(path))


def check(waveform, name):
    """Returns `waveform`, scaled down if it exceeds [-1, 1]. Raises an `InputError` if it is unusable."""
    if not np.isfinite(waveform).all():
        bad = int(np.flatnonzero(~np.isfinite(waveform))[0])
        raise InputError(f"{name} must have finite samples. Received: {waveform[bad]} at sample {bad}")
    if np.ptp(waveform) == 0:
        raise InputError(f"{name} is silent: all its {len(waveform)} samples are {waveform[0]:g}")
    peak = float(np.abs(waveform).max())
    return waveform if peak <= 1 else (waveform / peak).astype("float32")


def _essential(path):
    """Returns the bytes of a WAV file with only its format and samples. Refuses a truncated file."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    if not content:
        raise InputError(f"{path} is empty (0 bytes)")
    if len(content) < 12 or content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        raise InputError(f"{path} is not a WAV file: it begins with {content[:4]!r}")
    chunks, position = {}, 12
    while position + 8 <= len(content) and b"data" not in chunks:
        name, size = struct.unpack_from("<4sI", content, position)
        position += 8
        held = len(content) - position
        if name == b"data" and size == _UNKNOWN_SIZE:
            size = held
        if size > held and name in (b"fmt ", b"data"):
            raise InputError(f"{path} is truncated: it must have {size} bytes of {_WORDS[name]}, has {held}")
        chunks.setdefault(name, content[position : position + size])
        # Chunks begin at even positions.
        position += size + size % 2
    for name, words in _WORDS.items():
        if name not in chunks:
            raise InputError(f"{path} is truncated or not a WAV file: it has no {words}")
    width = struct.unpack_from("<H", chunks[b"fmt "].ljust(14, b"\0"), 12)[0]
    if not chunks[b"data"]:
        raise InputError(f"{path} has no samples")
    if width and len(chunks[b"data"]) % width:
        kept = len(chunks[b"data"]) // width * width
        # Files of unknown size may end within a frame.
        chunks[b"data"] = chunks[b"data"][:kept]
    body = b"WAVE"
    for name in _WORDS:
        body += struct.pack("<4sI", name, len(chunks[name])) + chunks[name] + b"\0" * (len(chunks[name]) % 2)
    return struct.pack("<4sI", b"RIFF", len(body)) + body


_WORDS = {b"fmt ": "format", b"data": "samples"}
