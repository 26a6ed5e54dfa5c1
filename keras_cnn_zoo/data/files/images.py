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

EXTENSIONS = (
    ".apng",
    ".bmp",
    ".gif",
    ".jfif",
    ".jpe",
    ".jpeg",
    ".jpg",
    ".pbm",
    ".pgm",
    ".png",
    ".pnm",
    ".ppm",
    ".tif",
    ".tiff",
    ".webp",
)

# Formats such as EPS would start an interpreter, so only these decoders are tried.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
_GREY_MODES = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F")
# Their pixels are stored as written. JPEG changes values, and PGM scales them to 255.
_INDEX_FORMATS = ("BMP", "GIF", "PNG", "TIFF")
# Pillow scales gray of 2 and 4 bits to 0..255.
_GRAY_STEPS = {"L;2": 85, "L;4": 17}
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
    """Facts from the header of an image file.

    Args:
        height: Pixels, of the upright image or of the stored one, as asked for.
        width: Pixels.
        channels: 1 or 3.
        orientation: The EXIF orientation, from 1 to 8. 1 means that the stored image is upright.
    """

    height: int
    width: int
    channels: int
    orientation: int = dataclasses.field(default=1, compare=False)


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
        file: Path, or the bytes of a PNG: palette or gray, of 1, 2, 4, 8, or 16 bits.
        name: Name of the image in messages; the path if None.

    Returns:
        An array (height, width) of the stored values: uint8, or int32 for a 16-bit file. It is not rotated
        by an EXIF orientation.

    Raises:
        InputError: The file is unreadable, or has colors instead of indices.
    """
    return _read(file, name, _to_indices)


def decode_stored_colors(file, *, name=None):
    """Decodes an image whose colors are classes: a PNG with RGB, palette, or gray pixels.

    Args:
        file: Path, or the bytes of a PNG.
        name: Name of the image in messages; the path if None.

    Returns:
        A uint8 array (height, width, 3) of the stored colors. It is not rotated by an EXIF orientation.

    Raises:
        InputError: The file is unreadable, or its format changes colors.
    """
    return _read(file, name, _to_stored_colors)


def turned(array, orientation):
    """Returns a stored array (height, width, ...) rotated upright by an EXIF orientation from 1 to 8."""
    if orientation >= 5:
        array = np.swapaxes(array, 0, 1)
    if orientation in (3, 4, 7, 8):
        array = array[::-1]
    return array[:, ::-1] if orientation in (2, 3, 6, 7) else array


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
    orientation = _orientation(image)
    # Pillow opens a TIFF upright, and every other format as it is stored.
    if orientation >= 5 and upright != (image.format == "TIFF"):
        width, height = height, width
    return PictureInfo(
        height=height,
        width=width,
        channels=1 if image.mode in _GREY_MODES else 3,
        orientation=orientation,
    )


def _orientation(image):
    # To look for EXIF tags in a PNG that has none, Pillow would decode the whole image.
    if image.format == "PNG" and _PNG_TAGS.isdisjoint(image.info):
        return 1
    orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    return orientation if orientation in range(1, 9) else 1


def _as_stored(array, image, orientation):
    """Undoes the rotation of Pillow, which decodes a TIFF upright."""
    if image.format != "TIFF":
        return array
    return turned(array, {6: 8, 8: 6}.get(orientation, orientation))


def _check_index_format(image, name):
    if image.format not in _INDEX_FORMATS:
        raise InputError(f"a mask must be a PNG. Received: {name}, which is a {image.format} file")


def _to_indices(image, name):
    _check_index_format(image, name)
    if image.mode not in ("1", "L", "P") and not image.mode.startswith("I"):
        raise InputError(
            f"a mask must be an index PNG (palette or gray) with one class id per pixel. Received: {name}, "
            f"whose pixels are {image.mode}"
        )
    # Decoding empties the list of tiles, which says how gray is stored.
    raw_mode = image.tile[0][3] if image.tile else None
    raw_mode = raw_mode[0] if isinstance(raw_mode, tuple) else raw_mode
    orientation = _orientation(image)
    values = _as_stored(np.asarray(image), image, orientation)
    if raw_mode in _GRAY_STEPS:
        return values // _GRAY_STEPS[raw_mode]
    return values.astype("int32" if values.dtype.itemsize > 1 else "uint8")


def _to_stored_colors(image, name):
    _check_index_format(image, name)
    if image.mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
        raise InputError(
            f"a colored mask must have 8-bit pixels. Received: {name}, whose pixels are {image.mode}"
        )
    orientation = _orientation(image)
    # The colors of transparent pixels count as well.
    opaque = image.convert("RGBA" if image.mode in ("RGBA", "LA") else "RGB")
    return _as_stored(np.array(opaque, dtype="uint8")[..., :3], image, orientation)


def _to_array(image, name, channels, upright):
    from PIL import Image, ImageOps

    orientation, stored = _orientation(image), image
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
    values = values.reshape(*values.shape[:2], wanted)
    return values if upright else np.ascontiguousarray(_as_stored(values, stored, orientation))
