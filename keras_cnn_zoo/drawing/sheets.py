"""Captions, masks, and overlays as Pillow pictures; grids and curves as matplotlib figures."""

import functools

import numpy as np

# Number of pixels that are mixed in floats at a time.
_BAND = 250_000


def rgb(image):
    """Returns a gray or color image as uint8 (height, width, 3)."""
    image = np.asarray(image)
    if image.ndim == 2:
        image = image[..., None]
    return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image[..., :3]


@functools.lru_cache(maxsize=512)
def palette(count):
    """Returns `count` colors, uint8 (count, 3): the palette of PASCAL VOC, usual for index PNGs."""
    colors = np.zeros((count, 3), dtype="uint8")
    for index in range(count):
        value = index
        for bit in range(7, -1, -1):
            for channel in range(3):
                colors[index, channel] |= ((value >> channel) & 1) << bit
            value >>= 3
    colors.flags.writeable = False
    return colors


def sample(split, count):
    """Returns `count` examples spread evenly over a split."""
    positions = np.unique(np.linspace(0, len(split) - 1, min(count, len(split))).astype(int))
    return [split[int(position)] for position in positions]


@functools.lru_cache(maxsize=1)
def font():
    """Returns the font of captions and labels."""
    from PIL import ImageFont

    return ImageFont.load_default(size=14)


def captioned(image, text, minimum=160):
    """Returns a Pillow picture of `image`, enlarged if it is tiny, with `text` on a strip below."""
    from PIL import Image, ImageDraw

    picture = Image.fromarray(rgb(image))
    factor = (minimum + min(picture.size) - 1) // min(picture.size)
    picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
    width = max(picture.width, int(font().getlength(text)) + 12)
    sheet = Image.new("RGB", (width, picture.height + 24), "white")
    sheet.paste(picture, ((width - picture.width) // 2, 0))
    ImageDraw.Draw(sheet).text((6, picture.height + 3), text, fill="black", font=font())
    return sheet


def heated(image, heat, opacity=0.5):
    """Returns `image` under a heat map in color, as a uint8 array (height, width, 3).

    Args:
        image: uint8 array (height, width, channels).
        heat: float array (rows, columns) in [0, 1], resized to the image.
        opacity: share of the colors.
    """
    from matplotlib import colormaps
    from PIL import Image

    below = Image.fromarray(rgb(image))
    coarse = Image.fromarray(np.rint(255 * np.asarray(heat, dtype="float32")).astype("uint8"))
    fine = np.asarray(coarse.resize(below.size, Image.Resampling.BILINEAR))
    table = np.rint(255 * colormaps["jet"](np.arange(256))[:, :3]).astype("uint8")
    return np.asarray(Image.blend(below, Image.fromarray(table[fine]), opacity))


def index_mask(mask):
    """Returns a Pillow picture with a palette, whose pixel values are the class ids."""
    from PIL import Image

    picture = Image.fromarray(np.asarray(mask).astype("uint8"), mode="P")
    picture.putpalette(palette(256).ravel().tolist())
    return picture


def overlay(image, mask, class_names, opacity=0.55):
    """Returns a Pillow picture of `image` under its mask in color, with a legend of the classes in it."""
    from PIL import Image, ImageDraw

    mask = np.asarray(mask)
    colors = palette(max(256, int(mask.max()) + 1))
    # A table per value of a pixel and per class: mixing needs no arithmetic on floats.
    below = np.arange(256, dtype="float32") * (1 - opacity)
    above = (colors * opacity).astype("float32")
    pixels = rgb(image)
    mixed = np.empty(pixels.shape, dtype="uint8")
    # In bands: a large image in floats would take eight times its memory.
    rows = max(1, _BAND // max(1, pixels.shape[1]))
    for start in range(0, len(pixels), rows):
        band = slice(start, start + rows)
        mixed[band] = below[pixels[band]] + above[mask[band]]
    picture = Image.fromarray(mixed)
    factor = max(1, 240 // min(picture.size))
    picture = picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
    present = np.unique(mask)
    names = [class_names[i] if i < len(class_names) else str(i) for i in present]
    legend = 30 + int(max(font().getlength(name) for name in names))
    sheet = Image.new("RGB", (picture.width + legend, max(picture.height, 20 * len(names) + 8)), "white")
    sheet.paste(picture, (0, 0))
    draw = ImageDraw.Draw(sheet)
    for row, (index, name) in enumerate(zip(present, names, strict=True)):
        top = 6 + 20 * row
        box = (picture.width + 6, top, picture.width + 18, top + 12)
        draw.rectangle(box, fill=tuple(int(v) for v in colors[index]), outline="black")
        draw.text((picture.width + 24, top - 3), name, fill="black", font=font())
    return sheet


def figure_of(rows, columns, size):
    """Returns a figure and its axes; `size` is (width, height) of each of them in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # Without pyplot, which keeps global state and needs a display.
    figure = Figure(figsize=(columns * size[0], rows * size[1]), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def grid(images, titles, columns=4):
    """Returns a figure of images; `titles` are pairs (text, whether the answer is right)."""
    rows = (len(images) + columns - 1) // columns
    figure, axes = figure_of(rows, columns, (2.6, 2.6))
    for axis in axes.flat:
        axis.axis("off")
    for axis, image, (title, right) in zip(axes.flat, images, titles, strict=False):
        axis.imshow(rgb(image))
        axis.set_title(title, fontsize=8, color="black" if right else "firebrick", parse_math=False)
    return figure


def mask_rows(rows, class_names, ignore_label):
    """Returns a figure with a row per example: image, truth, answer if given; ignored pixels are white."""
    colors = palette(256)
    titles = ("image", "truth", "answer")[: len(rows[0])]
    figure, axes = figure_of(len(rows), len(titles), (3.6, 2.9))
    for axis in axes.flat:
        axis.axis("off")
    for line, (image, truth, *answers) in zip(axes, rows, strict=True):
        shown = colors[np.clip(truth, 0, 255)]
        shown[np.asarray(truth) == ignore_label] = 255
        for axis, picture in zip(line, (rgb(image), shown, *(colors[one] for one in answers)), strict=True):
            axis.imshow(picture)
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title)
    handles = _legend_handles(class_names, colors)
    legend(figure, handles)
    return figure


def legend(figure, handles):
    """Puts the names of classes below a figure. A dollar sign in a name does not start a formula."""
    made = figure.legend(handles=handles, loc="outside lower center", ncols=6, fontsize=8)
    for text in made.get_texts():
        text.set_parse_math(False)


def waveforms(clips, titles, columns=4):
    """Returns a figure of recordings; `clips` are pairs (samples, sample rate in Hz)."""
    rows = (len(clips) + columns - 1) // columns
    figure, axes = figure_of(rows, columns, (2.6, 1.6))
    for axis in axes.flat:
        axis.axis("off")
    for axis, (audio, rate), title in zip(axes.flat, clips, titles, strict=False):
        axis.plot(np.arange(len(audio)) / rate, audio, linewidth=0.5)
        axis.set_title(f"{title}, {len(audio) / rate:.2f} s", fontsize=8, parse_math=False)
    return figure


def _legend_handles(class_names, colors):
    from matplotlib.patches import Patch

    return [
        Patch(facecolor=colors[index] / 255, edgecolor="black", label=name)
        for index, name in enumerate(class_names[:36])
    ]


def curves(history):
    """Returns a figure of a training history, a list of dicts with `epoch`: one curve per key."""
    names = [name for name in history[0] if name != "epoch"] if history else ["loss"]
    for row in history:
        names.extend(name for name in row if name not in names and name != "epoch")
    figure, axes = figure_of(1, len(names), (3.4, 2.8))
    for axis, name in zip(axes.flat, names, strict=True):
        points = [(row["epoch"], row[name]) for row in history if row.get(name) is not None]
        axis.plot(*zip(*points, strict=True), marker="." if len(points) < 40 else None)
        axis.set_title(name)
        axis.set_xlabel("epoch")
        axis.grid(alpha=0.3)
    return figure
