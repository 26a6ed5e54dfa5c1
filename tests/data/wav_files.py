"""WAV files written byte by byte, for tests: every width and format, valid or damaged."""

import struct

import numpy as np

PCM, FLOAT = 1, 3


def tone(samples=400, channels=1, rate=8000, hertz=440, peak=0.5):
    """Returns a sine, float64 (samples, channels)."""
    wave = peak * np.sin(2 * np.pi * hertz * np.arange(samples) / rate)
    return np.repeat(wave[:, None], channels, axis=1)


def encode(audio, bits=16, kind=PCM):
    """Returns samples of -1..1 as little-endian bytes."""
    audio = np.asarray(audio, dtype="float64")
    if kind == FLOAT:
        return audio.astype(f"<f{bits // 8}").tobytes()
    whole = np.clip(np.rint(audio * 2 ** (bits - 1)), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1).astype("<i8")
    if bits == 8:
        return (whole + 128).astype("u1").tobytes()
    return whole.reshape(-1, 1).view("u1")[:, : bits // 8].tobytes()


def content(audio, *, rate=8000, bits=16, kind=PCM, extra=(), extensible=False, size=None):
    """Returns the bytes of a WAV file.

    Args:
        audio: (samples, channels) of -1..1.
        rate: samples per second.
        bits: width of a sample.
        kind: `PCM`, `FLOAT`, or the number of another format.
        extra: pairs (name, bytes) of chunks before the samples.
        extensible: with the header of WAVE_FORMAT_EXTENSIBLE.
        size: size that the data chunk promises, or None for the true one.
    """
    data = encode(audio, bits, kind)
    channels = np.shape(audio)[1]
    width = channels * bits // 8
    tag = 0xFFFE if extensible else kind
    header = struct.pack("<HHIIHH", tag, channels, rate, rate * width, width, bits)
    if extensible:
        guid = bytes.fromhex("000000001000800000aa00389b71")
        header += struct.pack("<HHIH", 22, bits, 0, kind) + guid
    chunks = [(b"fmt ", header), *extra]
    body = b"WAVE"
    for name, value in chunks:
        body += struct.pack("<4sI", name, len(value)) + value + b"\0" * (len(value) % 2)
    body += struct.pack("<4sI", b"data", len(data) if size is None else size) + data
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def write(path, audio=None, **settings):
    """Writes a WAV file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content(tone() if audio is None else audio, **settings))
    return path
