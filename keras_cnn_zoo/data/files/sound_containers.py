"""Recognizes WAV, FLAC, OGG, and MP3 by their bytes, and finds files that were cut off.

libsndfile reads the first half of a WAV, OGG, or MP3 file without an error, so the sizes that the containers
promise are checked here. A FLAC file, and what MP3 and OGG promise as a whole, is checked after decoding.
"""

import struct

from keras_cnn_zoo.utils.errors import InputError

WAV, FLAC, OGG, MP3 = "WAV", "FLAC", "OGG", "MP3"
# A program that does not know the size yet, as in a pipe, writes this.
_UNKNOWN_SIZE = 0xFFFFFFFF
_CHUNKS = {b"fmt ": "format", b"data": "samples"}
_BYTE_FORMATS = {6: "ALAW", 7: "MULAW"}
_PAGE_HEADER = 27
_END_OF_STREAM = 4
# Of layer III, by whether the version is MPEG-1: kilobits per second, and bytes per frame x rate / bit rate.
_BIT_RATES = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_FACTORS = {True: 144, False: 72}
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
# Tags after the last frame.
_TAGS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN")


def kind_of(content):
    """Returns "WAV", "FLAC", "OGG", or "MP3" for the bytes of a sound file, or None."""
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        return WAV
    if content[:4] == b"OggS":
        return OGG
    start = _after_id3(content)
    if content[start : start + 4] == b"fLaC":
        return FLAC
    size = _frame_size(content, start)
    # One frame header may be chance, two in a row are not. A file of one frame is allowed.
    end = start + (size or 0)
    return (
        MP3 if size and (end >= len(content) or _frame_size(content, end) or _is_tag(content, end)) else None
    )


def whole(content, path):
    """Returns the bytes of a sound file to decode: of WAV, only the format and samples.

    Args:
        content: The bytes.
        path: The file, for messages.

    Raises:
        InputError: The file is empty, of another kind than its name says, or truncated.
    """
    if not content:
        raise InputError(f"{path} is empty (0 bytes)")
    kind = kind_of(content)
    if kind is None:
        suffix = str(path).rpartition(".")[2].upper()
        wanted = suffix if suffix in (FLAC, OGG, MP3) else WAV
        raise InputError(f"{path} is not a {wanted} file: it begins with {content[:4]!r}")
    if kind == WAV:
        return _essential(content, path)
    if kind == OGG:
        _check_pages(content, path)
    elif kind == MP3:
        return _counted_frames(content, path)
    return content


def _essential(content, path):
    """Returns a WAV file of only the format and the samples. Other chunks could be damaged or unknown."""
    chunks, position = {}, 12
    while position + 8 <= len(content) and b"data" not in chunks:
        name, size = struct.unpack_from("<4sI", content, position)
        position += 8
        held = len(content) - position
        if name == b"data" and size == _UNKNOWN_SIZE:
            size = held
        if size > held and name in _CHUNKS:
            raise InputError(f"{path} is truncated: it must have {size} bytes of {_CHUNKS[name]}, has {held}")
        chunks.setdefault(name, content[position : position + size])
        # Chunks begin at even positions.
        position += size + size % 2
    for name, words in _CHUNKS.items():
        if name not in chunks:
            raise InputError(f"{path} is truncated or not a WAV file: it has no {words}")
    tag, width, bits = struct.unpack_from("<H10xHH", chunks[b"fmt "].ljust(16, b"\0"))
    if tag in _BYTE_FORMATS and bits != 8:
        # libsndfile would read such a file as 8 bits per sample.
        raise InputError(f"cannot read {path}: Unknown wave file format: {_BYTE_FORMATS[tag]} of {bits} bits")
    if not chunks[b"data"]:
        raise InputError(f"{path} has no samples")
    if width and len(chunks[b"data"]) % width:
        # Files of unknown size may end within a frame.
        chunks[b"data"] = chunks[b"data"][: len(chunks[b"data"]) // width * width]
    body = b"WAVE"
    for name in _CHUNKS:
        body += struct.pack("<4sI", name, len(chunks[name])) + chunks[name] + b"\0" * (len(chunks[name]) % 2)
    return struct.pack("<4sI", b"RIFF", len(body)) + body


def _check_pages(content, path):
    """Raises an `InputError` if an Ogg file ends within a page, or before the last page of a stream."""
    position, is_open = 0, {}
    while content[position : position + 4] == b"OggS":
        size = _PAGE_HEADER
        if position + size <= len(content):
            flags, count = content[position + 5], content[position + 26]
            size += count + sum(content[position + size : position + size + count])
            is_open[content[position + 14 : position + 18]] = not flags & _END_OF_STREAM
        if position + size > len(content):
            raise InputError(
                f"{path} is truncated: it must have {position + size} bytes or more, has {len(content)}"
            )
        position += size
    if any(is_open.values()):
        raise InputError(f"{path} is truncated: it has no page that ends its stream")


def _counted_frames(content, path):
    """Returns an MP3 file that states its number of frames, where libsndfile would guess it too low.

    Raises:
        InputError: The file ends within a frame, or has fewer frames than it promises.
    """
    position = start = _after_id3(content)
    sizes = []
    while size := _frame_size(content, position):
        if position + size > len(content):
            raise InputError(
                f"{path} is truncated: it must have {position + size} bytes or more, has {len(content)}"
            )
        position += size
        sizes.append(size)
    promised = _promised_frames(content[start : start + 200])
    # Encoders differ in whether the frame with this number counts.
    if promised is not None and len(sizes) < promised:
        raise InputError(f"{path} is truncated: it must have {promised} frames, has {len(sizes)}")
    # Without a number, libsndfile takes the size of the first frames for that of all. Joined files have the
    # number of the first of them.
    if promised is None and max(sizes) - min(sizes) > 1 or promised is not None and promised + 1 < len(sizes):
        return _frame_of_count(content[start:], len(sizes)) + content[start:position]
    return content


def _frame_of_count(first, count):
    """Returns a silent frame like the one that `first` begins with, which states the number of frames."""
    # Without a checksum, and at a bit rate at which the number fits.
    header = bytes([first[0], first[1] | 1, first[2] & 0x0D | 0x90, first[3]])
    is_first_version, is_mono = first[1] >> 3 & 3 == 3, first[3] >> 6 == 3
    side = (17 if is_mono else 32) if is_first_version else (9 if is_mono else 17)
    tag = struct.pack(">4sII", b"Xing", 1, count)
    return (header + bytes(side) + tag).ljust(_frame_size(header, 0), b"\0")


def _promised_frames(frame):
    """Returns the number of frames that the first one promises (Xing, Info, or VBRI), or None."""
    for name in (b"Xing", b"Info"):
        place = frame.find(name, 0, 44)
        if place > 0 and len(frame) >= place + 12 and frame[place + 7] & 1:
            return struct.unpack_from(">I", frame, place + 8)[0]
    place = frame.find(b"VBRI", 0, 44)
    return struct.unpack_from(">I", frame, place + 14)[0] if place > 0 and len(frame) >= place + 18 else None


def _frame_size(content, position):
    """Returns the bytes of the layer III frame that begins at a position, or None."""
    header = content[position : position + 4]
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return None
    version, bit_rate, rate = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3
    # Version 1 and rate 3 are reserved. A bit rate of 0 is a free format, whose size is not in the header.
    if version == 1 or bit_rate in (0, 15) or rate == 3:
        return None
    first = version == 3
    return _FACTORS[first] * _BIT_RATES[first][bit_rate] * 1000 // _RATES[version][rate] + (
        header[2] >> 1 & 1
    )


def _after_id3(content):
    """Returns the position after the ID3 tags at the beginning."""
    position = 0
    while content[position : position + 3] == b"ID3" and position + 10 <= len(content):
        size = 0
        for byte in content[position + 6 : position + 10]:
            size = size << 7 | byte & 0x7F
        position += 10 + size + (10 if content[position + 5] & 0x10 else 0)
    return position


def _is_tag(content, position):
    return content[position : position + 11].startswith(_TAGS)
