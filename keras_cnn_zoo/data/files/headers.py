"""Recognizes image files by their first bytes, for names without an image extension."""

import os

from keras_cnn_zoo.utils.errors import InputError

# Enough for every signature, and for a TIFF that says it is a camera's raw file.
_LENGTH = 32
_BMP_HEADER_SIZES = (12, 40, 52, 56, 64, 108, 124)
_UNREAD = (
    (b"8BPS", "PSD"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"v/1\x01", "EXR"),
    (b"#?RADIANCE", "HDR"),
    (b"\x00\x00\x01\x00", "ICO"),
    (b"%PDF", "PDF"),
    (b"FUJIFILM", "camera raw"),
    (b"IIU\x00", "camera raw"),
    (b"IIRO", "camera raw"),
)
# Image files without a signature, or with one that other files share.
_UNREAD_EXTENSIONS = {
    ".arw": "camera raw",
    ".avif": "AVIF",
    ".cr2": "camera raw",
    ".cr3": "camera raw",
    ".dcm": "DICOM",
    ".dng": "camera raw",
    ".eps": "EPS",
    ".exr": "EXR",
    ".heic": "HEIC",
    ".heif": "HEIC",
    ".hdr": "HDR",
    ".ico": "ICO",
    ".j2k": "JPEG 2000",
    ".jp2": "JPEG 2000",
    ".jxl": "JPEG XL",
    ".mat": "MATLAB",
    ".nef": "camera raw",
    ".nii": "NIfTI",
    ".npy": "NumPy",
    ".orf": "camera raw",
    ".psd": "PSD",
    ".raw": "camera raw",
    ".rw2": "camera raw",
    ".svg": "SVG",
    ".tga": "TGA",
}
_HEIF_BRANDS = {b"avif": "AVIF", b"avis": "AVIF"}
_HEIC_BRANDS = (b"heic", b"heix", b"heif", b"hevc", b"heim", b"heis", b"mif1", b"msf1")


def image_type(path):
    """Returns the type of an image file by its content, such as "JPEG" or "HEIC", or None for other files.

    Args:
        path: Path of a file.

    Returns:
        A pair: the type or None, and whether the package reads it.

    Raises:
        InputError: The file cannot be opened.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(_LENGTH)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    extension = os.path.splitext(path)[1].lower()
    if extension in _UNREAD_EXTENSIONS:
        return _UNREAD_EXTENSIONS[extension], False
    known = _read_type(start)
    if known is not None:
        return known, True
    if start[4:8] == b"ftyp":
        brand = start[8:12]
        if brand in _HEIF_BRANDS:
            return _HEIF_BRANDS[brand], False
        return ("HEIC", False) if brand in _HEIC_BRANDS else (None, False)
    return next((name for signature, name in _UNREAD if start.startswith(signature)), None), False


def _read_type(start):
    """Returns the type of an image that the package decodes, else None."""
    if start.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if start.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if start.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if start.startswith((b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")):
        return "TIFF"
    if start.startswith(b"RIFF") and start[8:12] == b"WEBP":
        return "WEBP"
    # Two letters are little evidence, so more of the header must fit.
    if start.startswith(b"BM") and int.from_bytes(start[14:18], "little") in _BMP_HEADER_SIZES:
        return "BMP"
    if start[:1] == b"P" and start[1:2] in b"123456" and start[2:3] in b" \t\r\n":
        return "PPM" if start[3:4].isdigit() or start[3:4] == b"#" else None
    return None
