"""Windows of an image at real positions and of any size, in NumPy, for trackers."""

import numpy as np


def crop(image, window, size, fill):
    """Crops a window of an image and resizes it to `size` x `size` by bilinear interpolation.

    Args:
        image: array (height, width, channels).
        window: (top, left, height, width) in pixels, real numbers. Pixel i spans [i, i + 1]. It may extend
            beyond the image.
        size: edge of the result.
        fill: color beyond the image, a number or one per channel.

    Returns:
        A float32 array (size, size, channels). Windows of twice the size or more are averaged down first.
    """
    # image (h, w, c) -> averaged over blocks if the window is large -> rows mixed in pairs (size, w', c)
    # -> columns mixed in pairs (size, size, c) -> `fill` outside the image
    top, left, height, width = window
    factor = int(min(height, width) / size)
    if factor >= 2:
        image, top, left = _reduced(image, window, factor)
        height, width = height / factor, width / factor
    rows, row_share, row_outside = _places(top, height, size, image.shape[0])
    columns, column_share, column_outside = _places(left, width, size, image.shape[1])
    first, last = columns.min(), columns.max() + 1
    strip = image[:, first:last]
    columns = columns - first
    row_share = row_share[:, None, None]
    lines = strip[rows[0]] * (1 - row_share) + strip[rows[1]] * row_share
    column_share = column_share[:, None]
    result = lines[:, columns[0]] * (1 - column_share) + lines[:, columns[1]] * column_share
    result[row_outside] = fill
    result[:, column_outside] = fill
    return result


def _places(start, length, size, limit):
    """Returns the pixel pairs to mix along an axis, the share of the second, and which are outside."""
    places = start + (np.arange(size) + 0.5) * (length / size) - 0.5
    low = np.floor(places)
    share = (places - low).astype("float32")
    pair = np.clip(np.stack([low, low + 1]), 0, limit - 1).astype("int64")
    return pair, share, (places < -0.5) | (places > limit - 0.5)


def _reduced(image, window, factor):
    """Returns the part of an image for a window, averaged over blocks, and the window's start in it."""
    top, left, height, width = window
    starts, stops = [], []
    for start, length, limit in zip((top, left), (height, width), image.shape[:2], strict=True):
        first = int(np.clip(np.floor(start / factor) - 1, 0, (limit - 1) // factor)) * factor
        last = int(np.clip(np.ceil((start + length) / factor) + 1, first // factor + 1, -(-limit // factor)))
        starts.append(first)
        stops.append(last * factor)
    part = image[starts[0] : stops[0], starts[1] : stops[1]].astype("float32")
    missing = [stop - start - edge for start, stop, edge in zip(starts, stops, part.shape[:2], strict=True)]
    if any(missing):
        # If the factor does not divide the image, edge pixels fill the last block.
        part = np.pad(part, [(0, missing[0]), (0, missing[1]), (0, 0)], mode="edge")
    blocks = part.reshape(part.shape[0] // factor, factor, part.shape[1] // factor, factor, part.shape[2])
    return blocks.mean(axis=(1, 3)), (top - starts[0]) / factor, (left - starts[1]) / factor
