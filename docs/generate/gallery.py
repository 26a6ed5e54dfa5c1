"""The gallery: pictures that `predict` makes with each preset: `python -m docs.generate.gallery`.

The pictures in docs/pictures/gallery are made from what may be passed on: embedded data, a public-domain
photograph, rendered words, and a review written for this page. The other presets need photographs or
recordings whose license is unknown, or that must be shared alike. With `--data FOLDER`, a folder of your
copies of these data sets, their pictures are written to build/gallery, from which `make docs` takes them.
"""

import argparse
import pathlib
import shutil
import tempfile

import numpy as np
from matplotlib import cbook, font_manager
from PIL import Image, ImageDraw, ImageFont

from docs.generate.preset_pages import FILES
from docs.generate.preset_pages import PICTURES as COMMITTED
from keras_cnn_zoo import presets, tasks

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILT = ROOT / "build" / "gallery"
# Pixels; a page is about 700 wide.
WIDTH, GAP = 900, 8
REVIEW = """\
the plot is thin, but the photography is beautiful and the two leads are a joy to watch .
a dull, overlong sequel that repeats every joke of the first film .
"""


def digits(folder):
    """Writes the first four handwritten digits of the test split."""
    split = tasks.Classification().load().split("test")
    return [_saved(split[index]["image"], folder / f"digit-{index}.png") for index in range(4)]


def scenes(folder):
    """Writes the first two embedded scenes of the test split."""
    split = tasks.Segmentation().load().split("test")
    return [_saved(split[index]["image"], folder / f"scene-{index}.png") for index in range(2)]


def frames(folder):
    """Writes an embedded sequence in the layout that tracking reads."""
    example = tasks.Tracking().load().split("test")[0]
    place = folder / "sequence"
    (place / "img").mkdir(parents=True)
    count = min(len(example["boxes"]), 48)
    for index in range(count):
        _saved(example["frames"][index], place / "img" / f"{index + 1:04d}.png")
    lines = [",".join(f"{value:.1f}" for value in box) for box in example["boxes"][:count]]
    (place / "groundtruth_rect.txt").write_text("\n".join(lines) + "\n")
    return [place]


def words(folder):
    """Writes words rendered in fonts of matplotlib, dark on an uneven ground."""
    paths = []
    for text, family in (("garden", "DejaVu Serif"), ("Exit24", "DejaVu Sans"), ("museum", "STIXGeneral")):
        font = ImageFont.truetype(font_manager.findfont(family), 44)
        left, top, right, bottom = font.getbbox(text)
        width, height = right - left + 28, bottom - top + 24
        ground = np.linspace(150, 225, width)[None].repeat(height, axis=0)
        image = Image.fromarray(ground.astype("uint8"))
        ImageDraw.Draw(image).text((14 - left, 12 - top), text, font=font, fill=40)
        paths.append(_saved(np.asarray(image), folder / f"{text}.png"))
    return paths


def photograph(folder):
    """Writes a public-domain photograph of NASA's and the Navy's archives that comes with matplotlib."""
    with cbook.get_sample_data("grace_hopper.jpg") as file:
        image = Image.open(file).convert("RGB").resize((256, 300))
        return [_saved(np.asarray(image), folder / "photograph.png")]


def reviews(folder):
    """Writes two sentences."""
    path = folder / "reviews.txt"
    path.write_text(REVIEW, encoding="utf-8")
    return [path]


INPUTS = {
    "crnn_iiit5k": words,
    "efficientnet_lite0_imagenet": photograph,
    "lenet5_mnist": digits,
    "siamfc_pairs": frames,
    "textcnn_mr": reviews,
    "unet_digit_scenes": scenes,
}


def _saved(image, path):
    Image.fromarray(np.squeeze(np.asarray(image))).save(path)
    return path


def files_of(name, data):
    """Returns the input of a preset in a folder of data sets, or an empty list."""
    pattern, index = FILES[name]
    found = sorted(pathlib.Path(data).glob(pattern))
    return found[index : index + 1]


def draw(name, inputs, path):
    """Writes one picture: those of `predict` next to each other."""
    task = tasks.TASKS[task_of(name)]()
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder, "answers")
        answers = tasks.predict(task, inputs, out, preset=name, progress=False)
        named = [file for answer in answers for file in answer["files"] if file.endswith(".png")]
        overlays = [file for file in named if "overlay" in file] or named
        pictures = [Image.open(out / file).convert("RGB") for file in dict.fromkeys(overlays)]
    joined(pictures).save(path, optimize=True)


def task_of(name):
    """Returns the name of a preset's task."""
    from keras_cnn_zoo import models

    return getattr(models, presets.describe(name)["class"]).task


def joined(pictures):
    """Returns pictures in a row, or in a column if they are wide, with the colors of a small file."""
    gaps = GAP * (len(pictures) - 1)
    if sum(one.width for one in pictures) + gaps <= WIDTH:
        size = (sum(one.width for one in pictures) + gaps, max(one.height for one in pictures))
        step = (1, 0)
    else:
        size = (max(one.width for one in pictures), sum(one.height for one in pictures) + gaps)
        step = (0, 1)
    sheet = Image.new("RGB", size, "white")
    left = top = 0
    for one in pictures:
        sheet.paste(one, (left, top))
        left, top = left + step[0] * (one.width + GAP), top + step[1] * (one.height + GAP)
    if sheet.width > WIDTH:
        sheet = sheet.resize((WIDTH, round(sheet.height * WIDTH / sheet.width)), Image.LANCZOS)
    return sheet.quantize(64)


def main(arguments=None):
    """Draws the pictures of the gallery."""
    parser = argparse.ArgumentParser(
        prog="python -m docs.generate.gallery", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--data", help="folder with your copies of the data sets")
    parser.add_argument("--only", help="name of one preset")
    options = parser.parse_args(arguments)
    COMMITTED.mkdir(parents=True, exist_ok=True)
    for name, inputs in INPUTS.items():
        if options.only in (None, name):
            with tempfile.TemporaryDirectory() as folder:
                draw(name, inputs(pathlib.Path(folder)), COMMITTED / f"{name}.png")
                print(name)
    if options.data:
        shutil.rmtree(BUILT, ignore_errors=True)
        BUILT.mkdir(parents=True)
        for name in FILES:
            found = files_of(name, options.data)
            if found and options.only in (None, name):
                draw(name, found, BUILT / f"{name}.png")
                print(name)


if __name__ == "__main__":
    main()
