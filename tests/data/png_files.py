"""PNG files of few bits per pixel, which Pillow does not write as such, and EXIF orientations."""

import struct
import zlib

import numpy as np

# From an EXIF orientation to the rotation that makes a stored array upright.
UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a.swapaxes(0, 1)[:, ::-1],
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


def index_png(values, bits, *, palette=False):
    """Returns the bytes of a PNG of `bits` per pixel with the stored `values`: gray, or with a palette."""
    height, width = values.shape
    rows = b""
    for row in values:
        line = "".join(format(int(value), f"0{bits}b") for value in row)
        line += "0" * (-len(line) % 8)
        rows += b"\0" + bytes(int(line[start : start + 8], 2) for start in range(0, len(line), 8))
    header = struct.pack(">IIBBBBB", width, height, bits, 3 if palette else 0, 0, 0, 0)
    colors = np.random.default_rng(0).integers(0, 256, 3 * 2 ** min(bits, 8)).astype("uint8").tobytes()
    parts = [(b"IHDR", header), *([(b"PLTE", colors)] if palette else [])]
    parts += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def exif(orientation):
    """Returns Pillow's EXIF data of an orientation."""
    from PIL import Image

    data = Image.Exif()
    data[0x0112] = orientation
    return data
