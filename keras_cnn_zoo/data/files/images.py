"""Decodes image files of every mode, depth, and orientation to uint8 arrays.

| file | becomes |
|---|---|
| gray, 1-bit | (H, W, 1) |
| 16-bit gray | (H, W, 1), 65535 -> 255 |
| RGB, palette, CMYK, YCbCr | (H, W, 3) |
| transparent (RGBA, LA, transparent palette) | the image over white |
| with an EXIF orientation | rotated upright |
| animated | its first frame |
"""

import dataclasses
import io
import os
import struct
import threading
import zlib

import numpy as np

from keras_cnn_zoo.utils.errors import InputError

EXTENSIONS = (".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")

# Formats such as EPS would start an interpreter, so only these decoders are tried.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F")
_ORIENTATION_TAG = 0x0112
_PNG_TAGS = {"exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"}
_MAX_PIXELS = 100_000_000
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    OverflowError,
    struct.error,
    zlib.error,
)
_pillow_lock = threading.Lock()


@dataclasses.dataclass(frozen=True)
class PictureInfo:
    """Height and width of the upright image, and 1 or 3 channels, from the file's header."""

    height: int
    width: int
    channels: int


def is_picture(file_name):
    """Returns whether a name has an image extension, in upper or lower case, and is not hidden."""
    base = os.path.basename(file_name)
    return not base.startswith(".") and base.lower().endswith(EXTENSIONS)


def inspect(file, *, name=None, upright=True, whole=False):
    """Reads the header of an image.

    Args:
        file: Path, or the bytes of an encoded image.
        name: Name of the image in messages; the path if None.
        upright: Whether to apply the EXIF orientation.
        whole: Whether to decode the pixels too, to find a damaged file.

    Returns:
        A `PictureInfo`.

    Raises:
        InputError: The file is not an image, is too large, or, with `whole`, is damaged.
    """
    info = _read(file, name, lambda image, _: _inspect(image, upright))
    if whole:
        decode(file, name=name, upright=upright)
    return info


def decode(file, *, name=None, channels=None, upright=True):
    """Decodes an image.

    Args:
        file: Path, or the bytes of an encoded image.
        name: Name of the image in messages; the path if None.
        channels: 1 to convert to gray, 3 to convert to color, None to keep the file's channels.
        upright: Whether to rotate the image as its EXIF orientation says.

    Returns:
        A uint8 array (height, width, channels).

    Raises:
        InputError: The file is unreadable, truncated, or too large.
    """
    return _read(file, name, lambda image, where: _to_array(image, where, channels, upright))


def decode_index(file, *, name=None):
    """Decodes an image whose values are class indices, not brightness.

    Args:
        file: Path, or the bytes of a PNG: palette, gray, or 1-bit.
        name: Name of the image in messages; the path if None.

    Returns:
        An array (height, width): uint8, or int32 for a 16-bit file.

    Raises:
        InputError: The file is unreadable, or has colors instead of indices.
    """
    return _read(file, name, _to_indices)


def encode_png(array):
    """Encodes a uint8 array, (height, width) or with 1, 3, or 4 channels, as the bytes of a PNG."""
    from PIL import Image

    array = np.asarray(array)
    stream = io.BytesIO()
    Image.fromarray(array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array).save(stream, "PNG")
    return stream.getvalue()


def _read(file, name, use):
    from PIL import Image

    name = file if name is None else name
    stream = io.BytesIO(file) if isinstance(file, bytes) else file
    with _pillow_lock:
        # Pillow registers its decoders on first use. A second thread could find only some of them.
        Image.init()
    try:
        with Image.open(stream, formats=_FORMATS) as image:
            pixels = image.width * image.height
            if pixels > _MAX_PIXELS:
                raise InputError(
                    f"{name} is too large: an image may have {_MAX_PIXELS} pixels. "
                    f"Received: {image.width} x {image.height}"
                )
            return use(image, name)
    except InputError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{name} is too large: {_one_line(error)}") from error
    except Image.UnidentifiedImageError as error:
        raise InputError(f"cannot read {name}: not an image, or a damaged file") from error
    except _DECODER_ERRORS as error:
        raise InputError(f"cannot read {name}: {_one_line(error)}") from error


def _one_line(error):
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(reason).split())


def _inspect(image, upright):
    width, height = image.size
    # To look for EXIF tags in a PNG that has none, Pillow would decode the whole image.
    tagged = image.format != "PNG" or not _PNG_TAGS.isdisjoint(image.info)
    if upright and tagged and image.getexif().get(_ORIENTATION_TAG, 1) in (5, 6, 7, 8):
        width, height = height, width
    return PictureInfo(height=height, width=width, channels=1 if image.mode in _GREY_MODES else 3)


def _to_indices(image, name):
    if image.mode not in ("1", "L", "P") and not image.mode.startswith("I"):
        raise InputError(
            f"a mask must be an index PNG (palette or gray) with one class id per pixel. Received: {name}, "
            f"whose pixels are {image.mode}"
        )
    values = np.asarray(image)
    return values.astype("int32" if values.dtype.itemsize > 1 else "uint8")


def _to_array(image, name, channels, upright):
    from PIL import Image, ImageOps

    image.load()
    if upright:
        image = ImageOps.exif_transpose(image)
    grey = image.mode in _GREY_MODES
    if image.mode == "F":
        raise InputError(f"{name} has floating-point pixels, which have no defined range")
    if image.mode.startswith("I"):
        # Pillow's own convert clips 16-bit values at 255 instead of scaling them.
        values = np.asarray(image).astype("float64")
        if values.min() < 0 or values.max() > 65535:
            raise InputError(f"{name} has 32-bit pixels, which have no defined range")
        image = Image.fromarray(np.rint(values / 257).astype("uint8"))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(ground, image)
    wanted = channels if channels is not None else (1 if grey else 3)
    values = np.array(image.convert("L" if wanted == 1 else "RGB"), dtype="uint8")
    return values.reshape(*values.shape[:2], wanted)
