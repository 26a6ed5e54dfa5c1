"""Boxes over images: a Pillow picture for `predict`, a matplotlib figure for the samples of a run."""

import colorsys

import numpy as np

from keras_cnn_zoo.drawing import sheets

# A tiny image is enlarged until its shorter side has this many pixels, so that labels are readable.
_MINIMUM = 240
# Multiples of it, modulo 1, are spread evenly for any number of classes.
_GOLDEN_RATIO = 0.618033988749895


def boxed(image, boxes, texts, classes):
    """Returns a Pillow picture of `image` with a labeled frame around each box, in the color of its class.

    Args:
        image: uint8 array (height, width, channels).
        boxes: array (n, 4) of left, top, right, bottom in pixels.
        texts: label of each box.
        classes: class id of each box.
    """
    from PIL import Image, ImageDraw

    picture = Image.fromarray(sheets.rgb(image))
    factor = max(1, (_MINIMUM + min(picture.size) - 1) // min(picture.size))
    picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
    draw, font = ImageDraw.Draw(picture), sheets.font()
    widest = max(2, min(picture.size) // 200)
    # The best is drawn last, on top.
    for box, text, class_id in reversed(list(zip(boxes, texts, classes, strict=True))):
        color = color_of(class_id)
        left, top, right, bottom = (float(edge) * factor for edge in box)
        # In a large image of small objects, the frames of its usual width would cover them.
        line = max(1, min(widest, int(min(right - left, bottom - top)) // 12))
        draw.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), outline=color, width=line)
        extent = draw.textbbox((0, 0), text, font=font)
        width, height = extent[2] + 6, extent[3] + 4
        x = min(max(left, 0), max(picture.width - width, 0))
        y = top - height if top >= height else top
        draw.rectangle((x, y, x + width, y + height), fill=color)
        draw.text((x + 3, y + 1), text, fill="black" if sum(color) > 330 else "white", font=font)
    return picture


def color_of(class_id):
    """Returns the color of a class as three integers; classes next to each other have distant hues."""
    class_id = int(class_id)
    hue = class_id * _GOLDEN_RATIO % 1
    saturation = 0.9 if class_id // 16 % 2 == 0 else 0.5
    return tuple(round(255 * value) for value in colorsys.hsv_to_rgb(hue, saturation, 1.0))


def sheet(rows, class_names, columns=3):
    """Returns a figure of images with predicted boxes (solid, with scores) over true ones (dashed, white).

    Args:
        rows: list of (image, true boxes, prediction: dict of `boxes`, `classes`, and `scores`, or
            None for the scores, which labels boxes with their class).
        class_names: names in class order.
        columns: number of images side by side.
    """
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle

    names = dict(enumerate(class_names))
    columns = min(columns, len(rows))
    figure, axes = sheets.figure_of((len(rows) + columns - 1) // columns, columns, (4.0, 3.2))
    for axis in axes.flat:
        axis.axis("off")

    def frame(axis, box, **style):
        left, top, right, bottom = (float(edge) - 0.5 for edge in box)
        axis.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, **style))

    for axis, (image, truth, found) in zip(axes.flat, rows, strict=False):
        axis.imshow(sheets.rgb(image))
        for box in truth:
            frame(axis, box, edgecolor="black", linewidth=1.6)
            frame(axis, box, edgecolor="white", linewidth=1.0, linestyle="--")
        labels = [names[class_id] for class_id in found["classes"]]
        if found["scores"] is not None:
            labels = [f"{score:.2f}" for score in found["scores"]]
        for box, label, class_id in zip(found["boxes"], labels, found["classes"], strict=True):
            color = np.array(color_of(class_id)) / 255
            frame(axis, box, edgecolor=color, linewidth=1.4)
            axis.text(
                float(box[0]),
                float(box[1]),
                label,
                fontsize=5,
                parse_math=False,
                # Above the box, or inside it at the upper edge of the image.
                verticalalignment="top" if float(box[1]) < 0.05 * image.shape[0] else "bottom",
                bbox={"facecolor": color, "edgecolor": "none", "pad": 0.6, "alpha": 0.8},
                clip_on=True,
            )
    handles = [
        Line2D([], [], color=np.array(color_of(index)) / 255, label=name)
        for index, name in enumerate(class_names[:36])
    ]
    if any(len(truth) for _, truth, _ in rows):
        handles.append(Line2D([], [], color="gray", linestyle="--", label="true"))
    sheets.legend(figure, handles)
    return figure
