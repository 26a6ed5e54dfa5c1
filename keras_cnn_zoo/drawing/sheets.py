"""What tasks show: captions, masks and overlays as Pillow pictures, grids and curves as figures."""

import numpy as np


def _rgb(image):
    """Any example image as uint8 (height, width, 3)."""
    image = np.asarray(image)
    if image.ndim == 2:
        image = image[..., None]
    return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image[..., :3]


def palette(count):
    """`count` colours, uint8 (count, 3): the palette of the PASCAL VOC devkit, usual for index PNGs."""
    colours = np.zeros((count, 3), dtype="uint8")
    for index in range(count):
        value = index
        for bit in range(7, -1, -1):
            for channel in range(3):
                colours[index, channel] |= ((value >> channel) & 1) << bit
            value >>= 3
    return colours


def sample(split, count):
    """`count` examples spread evenly over a split."""
    positions = np.unique(np.linspace(0, len(split) - 1, min(count, len(split))).astype(int))
    return [split[int(position)] for position in positions]


def _font():
    from PIL import ImageFont

    return ImageFont.load_default(size=14)


def captioned(image, text, minimum=160):
    """A Pillow picture of `image`, enlarged where it is tiny, with `text` on a strip below."""
    from PIL import Image, ImageDraw

    picture = Image.fromarray(_rgb(image))
    factor = (minimum + min(picture.size) - 1) // min(picture.size)
    picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
    width = max(picture.width, int(_font().getlength(text)) + 12)
    sheet = Image.new("RGB", (width, picture.height + 24), "white")
    sheet.paste(picture, ((width - picture.width) // 2, 0))
    ImageDraw.Draw(sheet).text((6, picture.height + 3), text, fill="black", font=_font())
    return sheet


def index_mask(mask):
    """A palette PNG whose pixel values are the class ids."""
    from PIL import Image

    picture = Image.fromarray(np.asarray(mask).astype("uint8"), mode="P")
    picture.putpalette(palette(256).ravel().tolist())
    return picture


def overlay(image, mask, class_names, opacity=0.55):
    """The picture with its mask in colour over it and a legend of the classes that occur."""
    from PIL import Image, ImageDraw

    mask = np.asarray(mask).astype("int64")
    colours = palette(max(256, int(mask.max()) + 1))
    base = _rgb(image).astype("float32")
    mixed = base * (1 - opacity) + colours[mask] * opacity
    picture = Image.fromarray(np.clip(mixed, 0, 255).astype("uint8"))
    factor = max(1, 240 // min(picture.size))
    picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
    present = np.unique(mask)
    names = [class_names[i] if i < len(class_names) else str(i) for i in present]
    legend = 30 + int(max(_font().getlength(name) for name in names))
    sheet = Image.new("RGB", (picture.width + legend, max(picture.height, 20 * len(names) + 8)), "white")
    sheet.paste(picture, (0, 0))
    draw = ImageDraw.Draw(sheet)
    for row, (index, name) in enumerate(zip(present, names, strict=True)):
        top = 6 + 20 * row
        box = (picture.width + 6, top, picture.width + 18, top + 12)
        draw.rectangle(box, fill=tuple(int(v) for v in colours[index]), outline="black")
        draw.text((picture.width + 24, top - 3), name, fill="black", font=_font())
    return sheet


def _figure(rows, columns, size):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # No pyplot: it keeps global state and wants a display.
    figure = Figure(figsize=(columns * size[0], rows * size[1]), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def grid(images, titles, columns=4):
    """A figure of pictures; `titles` are pairs (text, is it right)."""
    rows = (len(images) + columns - 1) // columns
    figure, axes = _figure(rows, columns, (2.6, 2.6))
    for axis in axes.flat:
        axis.axis("off")
    for axis, image, (title, right) in zip(axes.flat, images, titles, strict=False):
        axis.imshow(_rgb(image))
        axis.set_title(title, fontsize=8, color="black" if right else "firebrick")
    return figure


def mask_rows(rows, class_names, ignore_label):
    """A figure with a row per example: picture, truth, answer; ignored pixels are white."""
    colours = palette(256)
    figure, axes = _figure(len(rows), 3, (3.6, 2.9))
    for axis in axes.flat:
        axis.axis("off")
    for line, (image, truth, answer) in zip(axes, rows, strict=True):
        truth_picture = colours[np.clip(truth, 0, 255)]
        truth_picture[np.asarray(truth) == ignore_label] = 255
        for axis, shown in zip(line, (_rgb(image), truth_picture, colours[answer]), strict=True):
            axis.imshow(shown)
    for axis, title in zip(axes[0], ("picture", "truth", "answer"), strict=True):
        axis.set_title(title)
    handles = _legend_handles(class_names, colours)
    figure.legend(handles=handles, loc="outside lower center", ncols=6, fontsize=8)
    return figure


def _legend_handles(class_names, colours):
    from matplotlib.patches import Patch

    return [
        Patch(facecolor=colours[index] / 255, edgecolor="black", label=name)
        for index, name in enumerate(class_names[:36])
    ]


def curves(history):
    """A figure of every column of a training history (a list of dicts with `epoch`) against the epoch."""
    names = [name for name in history[0] if name != "epoch"] if history else ["loss"]
    for row in history:
        names.extend(name for name in row if name not in names and name != "epoch")
    figure, axes = _figure(1, len(names), (3.4, 2.8))
    for axis, name in zip(axes.flat, names, strict=True):
        points = [(row["epoch"], row[name]) for row in history if row.get(name) is not None]
        axis.plot(*zip(*points, strict=True), marker="." if len(points) < 40 else None)
        axis.set_title(name)
        axis.set_xlabel("epoch")
        axis.grid(alpha=0.3)
    return figure
