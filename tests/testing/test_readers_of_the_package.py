"""check_reader: the readers of the package meet it."""

import pathlib

import numpy as np
import pytest

from keras_cnn_zoo.testing import check_reader
from tests.data import coco_folders, voc_folders, wav_files

Image = pytest.importorskip("PIL.Image")
SPLITS = {"train": 6, "val": 2, "test": 2}


def picture(path, number=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((16, 24, 3), 20 * number, "uint8")).save(path)


def write_images(folder):
    for split, count in SPLITS.items():
        for number in range(count):
            picture(folder / split / ("cat", "dog")[number % 2] / f"{number}.png", number)


def write_unsplit_images(folder):
    for number in range(12):
        picture(folder / ("cat", "dog")[number % 2] / f"{number}.png", number)


def write_masks(folder):
    for split, count in SPLITS.items():
        for number in range(count):
            picture(folder / split / "images" / f"{number}.png", number)
            labels = folder / split / "labels"
            labels.mkdir(exist_ok=True)
            mask = (np.arange(16 * 24).reshape(16, 24) + number) % 3
            Image.fromarray(mask.astype("uint8")).save(labels / f"{number}.png")


def write_voc(folder):
    for split, count in SPLITS.items():
        voc_folders.some(folder / split, count)


def write_coco(folder):
    for split, count in SPLITS.items():
        coco_folders.data_set(folder, split, count, json_folder="annotations")


def write_yolo(folder):
    pytest.importorskip("yaml")
    for split, count in SPLITS.items():
        for number in range(count):
            picture(folder / "images" / split / f"{split}_{number}.png", number)
            labels = folder / "labels" / split
            labels.mkdir(parents=True, exist_ok=True)
            line = f"{number % 2} 0.25 0.25 0.75 0.25 0.75 0.75\n"
            (labels / f"{split}_{number}.txt").write_text(line)
    splits = "".join(f"{split}: images/{split}\n" for split in SPLITS)
    (folder / "data.yaml").write_text(splits + "names: [cat, dog]\n")


def write_npz_masks(folder):
    return write_npz(folder, masks=True)


def write_npz(folder, masks=False):
    arrays = {}
    for start, (split, count) in enumerate(SPLITS.items()):
        pixels = 100 * start + np.arange(count * 16)
        arrays[f"x_{split}"] = (pixels % 251).reshape(count, 4, 4).astype("uint8")
        labels = np.arange(count) % 2
        arrays[f"y_{split}"] = (arrays[f"x_{split}"] + labels[:, None, None]) % 2 if masks else labels
    np.savez(folder / "data.npz", **arrays)
    return folder / "data.npz"


def write_wavs(folder):
    for start, (split, count) in enumerate(SPLITS.items()):
        for number in range(count):
            path = folder / split / ("no", "yes")[number % 2] / f"{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wav_files.content(wav_files.tone(80 + 10 * start + number)))


def write_lines(folder):
    for split, count in SPLITS.items():
        (folder / split).mkdir()
        for name in ("bad", "good"):
            text = "".join(f"{name} {split} {number}\n" for number in range(count))
            (folder / split / f"{name}.txt").write_text(text, encoding="utf-8")


def write_labeled(folder):
    for split, count in SPLITS.items():
        text = "".join(f"{number % 2} {split} {number}\n" for number in range(count))
        (folder / f"reviews.{split}").write_text(text, encoding="utf-8")


def write_words(folder):
    for split, count in SPLITS.items():
        for number in range(count):
            picture(folder / split / f"{number}.png", number)
        text = "".join(f"{split}/{number}.png\tword{number}\n" for number in range(count))
        (folder / f"{split}.tsv").write_text(text, encoding="utf-8")


def empty_a_line(path):
    """Empties the first line of a text, and returns the name of its file."""
    file = min(file for file in pathlib.Path(path).rglob("*") if file.is_file())
    file.write_text("\n".join(["", *file.read_text(encoding="utf-8").split("\n")[1:]]), encoding="utf-8")
    return file.name


FORMATS = [
    ("images", write_images, {}),
    ("images", write_unsplit_images, {}),
    ("masks", write_masks, {}),
    ("voc", write_voc, {}),
    ("coco", write_coco, {}),
    ("yolo", write_yolo, {}),
    ("npz", write_npz, {"tasks": ("classification",)}),
    ("npz", write_npz_masks, {"tasks": ("segmentation",)}),
    ("wavs", write_wavs, {}),
    ("lines", write_lines, {"damage": empty_a_line}),
    ("labeled", write_labeled, {"damage": empty_a_line}),
    ("words", write_words, {}),
]


@pytest.mark.parametrize(
    ("format_name", "write", "arguments"), FORMATS, ids=lambda item: getattr(item, "__name__", "")
)
def test_a_reader_of_the_package_meets_the_guarantees(format_name, write, arguments):
    outcomes = check_reader(format_name, write, **arguments)
    passed = [one.guarantee for one in outcomes if one.status == "pass"]
    assert passed == ["C1", "C3", "C10", "C11"], [one for one in outcomes if one.status == "not run"]
