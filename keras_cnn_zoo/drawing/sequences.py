"""Frames with boxes, side by side, as Pillow pictures."""

import numpy as np

from keras_cnn_zoo.data.augmentation.pairs import as_image, has_target

EDGE = 240
CAPTION = 18


def boxed(frame, boxes):
    """Returns a frame with boxes drawn on it, resized to a longer edge of 240 pixels.

    Args:
        frame: uint8 array (height, width, channels).
        boxes: dict from color to (left, top, width, height); NaN is not drawn.
    """
    from PIL import ImageDraw

    image = as_image(frame)
    factor = EDGE / max(image.size)
    image = image.resize([max(1, round(edge * factor)) for edge in image.size])
    draw = ImageDraw.Draw(image)
    for color, box in boxes.items():
        if has_target(box):
            left, top, width, height = (float(value) * factor for value in box)
            draw.rectangle((left, top, left + width, top + height), outline=color, width=2)
    return image


def strip(images, captions, columns=6):
    """Returns Pillow pictures of one size in rows, with a caption below each, as one picture."""
    from PIL import Image, ImageDraw

    width, height = images[0].width + 4, images[0].height + CAPTION
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    sheet = Image.new("RGB", (columns * width, rows * height), "white")
    draw = ImageDraw.Draw(sheet)
    for position, (image, caption) in enumerate(zip(images, captions, strict=True)):
        corner = np.array([position % columns * width, position // columns * height])
        sheet.paste(image, tuple(int(edge) for edge in corner))
        draw.text((int(corner[0]) + 2, int(corner[1]) + image.height + 2), caption, fill="black")
    return sheet
