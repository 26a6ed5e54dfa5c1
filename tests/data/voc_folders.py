"""Folders in PASCAL VOC's format, for tests."""

import numpy as np

from keras_cnn_zoo.data import load

CAT = ("cat", (3, 2, 12, 9))
DOG = ("dog", (1, 1, 30, 20))
SIZE = (20, 30)


def annotation(objects, size=SIZE, difficult=()):
    parts = []
    for number, (name, (left, top, right, bottom)) in enumerate(objects):
        parts.append(
            f"<object><name>{name}</name><difficult>{int(number in difficult)}</difficult><bndbox>"
            f"<xmin>{left}</xmin><ymin>{top}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox></object>"
        )
    header = "" if size is None else f"<size><width>{size[1]}</width><height>{size[0]}</height></size>"
    return f"<annotation><filename>x.jpg</filename>{header}{''.join(parts)}</annotation>"


def add(root, stem, objects=(CAT,), *, size=SIZE, text=None, picture=SIZE, extension=".png", **options):
    from PIL import Image

    for folder in ("JPEGImages", "Annotations"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    if picture is not None:
        pixels = np.full((*picture, 3), 90, dtype="uint8")
        Image.fromarray(pixels).save(root / "JPEGImages" / (stem + extension))
    text = annotation(objects, size, **options) if text is None else text
    (root / "Annotations" / (stem + ".xml")).write_text(text, encoding="utf-8")


def lists(root, **splits):
    folder = root / "ImageSets" / "Main"
    folder.mkdir(parents=True, exist_ok=True)
    for name, stems in splits.items():
        (folder / f"{name}.txt").write_text("\n".join(stems) + "\n")


def some(root, count=6):
    for number in range(count):
        add(root, f"pet_{number}", (CAT, DOG) if number % 2 else (CAT,))


def open_voc(root, **options):
    return load(f"voc:{root}", task="detection", **options)


def by_name(source):
    """Returns all examples of all splits by name."""
    pairs = [zip(split.names, split, strict=True) for split in source.splits.values()]
    return {name: example for split in pairs for name, example in split}
