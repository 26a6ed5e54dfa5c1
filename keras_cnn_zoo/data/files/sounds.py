"""Decodes WAV, FLAC, OGG, and MP3 files to float32 waveforms of one channel.

| file | becomes |
|---|---|
| integers of 8 (unsigned in WAV), 16, 24, and 32 bits | scaled to [-1, 1] by the range of the type |
| 32 and 64-bit float | unchanged; scaled down if it exceeds [-1, 1] |
| MP3, Vorbis, Opus, A-law, mu-law, ADPCM | as libsndfile decodes them; scaled down as above |
| several channels | their mean |

The sample rate is kept. A file is recognized by its bytes, not by its name.
"""

import io
import os

import numpy as np

from keras_cnn_zoo.data.files import sound_containers
from keras_cnn_zoo.ops.host.waveforms import mono
from keras_cnn_zoo.utils.errors import InputError

SUFFIXES = (".flac", ".mp3", ".oga", ".ogg", ".opus", ".wav", ".wave")
# Bytes in which an MP3 file without a long tag has two frames.
_BEGINNING = 1 << 16
_BLOCK = 1 << 20
_DELAY = 2 * 1152
# libsndfile gives this number or more if a file does not state its length.
_NO_LENGTH = 1 << 62


def is_sound(name):
    """Returns whether a file name is that of a sound that can be read, and not hidden."""
    return not name.startswith(".") and os.path.splitext(name)[1].lower() in SUFFIXES


def is_sound_file(path):
    """Returns whether a file begins like a sound that can be read, whatever its name."""
    with open(path, "rb") as file:
        return sound_containers.kind_of(file.read(_BEGINNING)) is not None


def decode(path):
    """Reads a sound file.

    Args:
        path: Path of the file.

    Returns:
        The waveform, a float32 array (samples,) within [-1, 1], and its samples per second as int.

    Raises:
        InputError: The file is of another kind, is truncated, has no samples or NaN, or is silent.
    """
    samples, rate = _samples(_whole(path), path)
    if rate < 1:
        raise InputError(f"cannot read {path}: its sample rate is {rate}")
    if not samples.size:
        raise InputError(f"{path} has no samples")
    return check(mono(samples), path), rate


def inspect(path):
    """Checks that a file is a whole sound, and returns the size in bytes of what is decoded.

    Only the header of a WAV file is read. Others are decoded, because their size is not in the header.
    """
    content = _whole(path)
    if sound_containers.kind_of(content) == sound_containers.WAV:
        return len(content)
    return _samples(content, path)[0].nbytes


def check(waveform, name):
    """Returns `waveform`, scaled down if it exceeds [-1, 1]. Raises an `InputError` if it is unusable."""
    if not np.isfinite(waveform).all():
        bad = int(np.flatnonzero(~np.isfinite(waveform))[0])
        raise InputError(f"{name} must have finite samples. Received: {waveform[bad]} at sample {bad}")
    if np.ptp(waveform) == 0:
        raise InputError(f"{name} is silent: all its {len(waveform)} samples are {waveform[0]:g}")
    peak = float(np.abs(waveform).max())
    return waveform if peak <= 1 else (waveform / peak).astype("float32")


def _whole(path):
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    return sound_containers.whole(content, path)


def _samples(content, path):
    """Returns the float32 samples (samples, channels) of a file, and its rate."""
    try:
        import soundfile
    # An OSError means that its library, libsndfile, is missing.
    except (ImportError, OSError) as error:
        raise InputError("reading sounds needs the package soundfile") from error

    # In blocks, because a damaged header may promise more samples than fit into memory.
    blocks = []
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            promised, rate = file.frames, int(file.samplerate)
            while len(block := file.read(_BLOCK, dtype="float32", always_2d=True)):
                blocks.append(block)
    except (RuntimeError, ValueError, TypeError, OverflowError, MemoryError) as error:
        reason = str(getattr(error, "error_string", error)) or type(error).__name__
        raise InputError(f"cannot read {path}: {' '.join(reason.split()).rstrip('.')}") from error
    found = sum(map(len, blocks))
    # The number of an MP3 file may include the delay of the encoder. Its frames are counted before.
    tolerance = _DELAY if sound_containers.kind_of(content) == sound_containers.MP3 else 0
    if found + tolerance < promised < _NO_LENGTH:
        raise InputError(f"{path} is truncated or damaged: it must have {promised} samples, has {found}")
    return np.concatenate(blocks) if blocks else np.zeros((0, 1), "float32"), rate
