"""Folders in COCO's format, for tests."""

import json

import numpy as np

from keras_cnn_zoo.data import load

HEIGHT, WIDTH = 20, 30
CATEGORIES = [{"id": 7, "name": "dog"}, {"id": 2, "name": "cat"}]
SQUARE = [4, 3, 14, 3, 14, 9, 4, 9]


def note(image_id, number, category=2, **parts):
    made = {"id": number, "image_id": image_id, "category_id": category, "iscrowd": 0, "area": 60, **parts}
    made.setdefault("bbox", [4, 3, 10, 6])
    made.setdefault("segmentation", [SQUARE])
    return {key: value for key, value in made.items() if value is not None}


def runs(mask):
    """Returns uncompressed run lengths, column by column, zeros first."""
    flat, counts, value = mask.ravel(order="F"), [0], 0
    for pixel in flat:
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return counts


def compressed(mask):
    from pycocotools import mask as masks

    return masks.encode(np.asfortranarray(mask.astype("uint8")))["counts"].decode()


def data_set(root, name="train", count=5, *, folder=None, json_folder=".", **more):
    """Writes a JSON file and its images; `more` replaces or, for a function, edits top-level parts."""
    folder = name if folder is None else folder
    from PIL import Image

    (root / folder).mkdir(parents=True, exist_ok=True)
    (root / json_folder).mkdir(parents=True, exist_ok=True)
    listed = []
    for number in range(count):
        file = f"{name}_{number}.png"
        Image.fromarray(np.full((HEIGHT, WIDTH, 3), 50, "uint8")).save(root / folder / file)
        listed.append({"id": number, "file_name": file, "height": HEIGHT, "width": WIDTH})
    content = {
        "images": listed,
        "annotations": [note(number, number + 1, (2, 7)[number % 2]) for number in range(count)],
        "categories": CATEGORIES,
    }
    for key, value in more.items():
        content[key] = value(content[key]) if callable(value) else value
    path = root / json_folder / f"instances_{name}.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def open_coco(root, task="detection", **options):
    return load(f"coco:{root}", task=task, **options)


def examples(source):
    return [example for split in source.splits.values() for example in split]


def edited(path, edit):
    """Applies a function to the content of a JSON file."""
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))
