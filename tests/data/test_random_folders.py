"""Random folders: a reader returns a data set that can be read, or refuses it with one line."""

import json
import os
import shutil
import tempfile

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

pytest.importorskip("PIL")
pytest.importorskip("defusedxml")

from keras_cnn_zoo import data
from keras_cnn_zoo.data.files import images as image_files
from keras_cnn_zoo.utils.errors import InputError

NAMES = [
    "a",
    "b",
    "cat",
    "Dog 1",
    "é",
    "日本",
    ".hidden",
    "train",
    "Valid",
    "TEST",
    "images",
    "labels",
    "masks",
]
SUFFIXES = [".png", ".PNG", ".jpg", ".jpeg", ".jfif", ".txt", ".xml", ".json", ""]


@st.composite
def pixels(draw):
    """Draws the bytes of an image file: gray, color, a palette, 16 bits, broken, or empty."""
    kind = draw(st.sampled_from(["gray", "rgb", "rgba", "index", "binary", "wide", "cut", "text", "empty"]))
    height, width = draw(st.integers(1, 6)), draw(st.integers(1, 6))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    if kind == "text":
        return b"this is not an image"
    if kind == "empty":
        return b""
    shape = {"rgb": (height, width, 3), "rgba": (height, width, 4)}.get(kind, (height, width))
    values = rng.integers(0, {"index": 3, "binary": 2}.get(kind, 256), shape).astype("uint8")
    if kind == "binary":
        values *= 255
    if kind == "wide":
        from PIL import Image

        with tempfile.TemporaryFile() as file:
            Image.fromarray(values.astype("uint16") * 257).save(file, "PNG")
            file.seek(0)
            return file.read()
    content = image_files.encode_png(values)
    return content[: len(content) // 2] if kind == "cut" else content


def png(seed, height=4, width=5, most=256):
    """Returns the bytes of a gray PNG."""
    return image_files.encode_png(
        np.random.default_rng(seed).integers(0, most, (height, width)).astype("uint8")
    )


@st.composite
def changed(draw, files, content):
    """Draws a folder like `files`, a dict from relative path to bytes, with up to three random changes."""
    files = dict(files)
    for _ in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from(["remove", "replace", "move", "add", "rename a folder"]))
        path = draw(st.sampled_from(sorted(files))) if files else None
        name = draw(st.sampled_from(NAMES)) + draw(st.sampled_from(SUFFIXES))
        if kind == "add" or path is None:
            parts = draw(st.lists(st.sampled_from(NAMES), max_size=2))
            files["/".join([*parts, name])] = draw(content)
        elif kind == "remove":
            del files[path]
        elif kind == "replace":
            files[path] = draw(content)
        elif kind == "move":
            files["/".join([*path.split("/")[:-1], name])] = files.pop(path)
        else:
            old, new = path.split("/")[0], draw(st.sampled_from(NAMES))
            files = {
                (
                    f"{new}/{other.partition('/')[2]}"
                    if other.split("/")[0] == old and "/" in other
                    else other
                ): held
                for other, held in files.items()
            }
    return files


def written(files, root):
    """Writes the files that fit next to each other: no file has the path of a folder."""
    for path, content in files.items():
        target = os.path.join(root, *path.split("/"))
        try:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "xb") as file:
                file.write(content)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue


def check(files, spec_of, task, **options):
    """Loads a folder; every example of it can be read, or one line says why not."""
    root = tempfile.mkdtemp()
    try:
        written(files, root)
        for skip_bad in (False, True):
            try:
                source = data.load(spec_of(root), task=task, skip_bad=skip_bad, **options)
            except InputError as error:
                assert "\n" not in str(error) and len(str(error)) > 10
                continue
            for split in source.splits.values():
                for position in range(len(split)):
                    try:
                        example = split[position]
                    except InputError as error:
                        # Without `skip_bad`, pixels are decoded when they are asked for.
                        assert not skip_bad, error
                        assert "\n" not in str(error)
                        continue
                    assert example["image"].dtype == np.uint8 and example["image"].ndim == 3
                    if task == "classification":
                        assert 0 <= example["label"] < len(source.class_names)
                    if task == "segmentation":
                        values = example["mask"][example["mask"] != source.ignore_label]
                        assert example["mask"].shape == example["image"].shape[:2]
                        assert values.size == 0 or 0 <= values.min() <= values.max() < len(source.class_names)
                    if task == "detection":
                        assert len(example["boxes"]) == len(example["classes"]) == len(example["crowd"])
                        assert np.isfinite(example["boxes"]).all()
    finally:
        shutil.rmtree(root)


def image_folders():
    """Returns folders of three classes, with and without splits."""
    plain = {f"{label}/{n}.png": png(n) for label in ("a", "cat", "Dog 1") for n in range(4)}
    split = {f"{name}/{path}": held for name in ("train", "Valid", "TEST") for path, held in plain.items()}
    return [plain, split]


@hypothesis.settings(max_examples=60)
@hypothesis.given(st.sampled_from(image_folders()).flatmap(lambda files: changed(files, pixels())))
def test_random_image_folders(files):
    check(files, lambda root: f"images:{root}", "classification")


def mask_folders():
    """Returns folders of images and masks, with and without splits."""
    plain = {f"images/{n}.png": png(n) for n in range(6)} | {
        f"labels/{n}.png": png(n, most=3) for n in range(6)
    }
    split = {f"{name}/{path}": held for name in ("train", "val", "test") for path, held in plain.items()}
    return [plain, split]


@hypothesis.settings(max_examples=60)
@hypothesis.given(st.sampled_from(mask_folders()).flatmap(lambda files: changed(files, pixels())))
def test_random_mask_folders(files):
    check(files, lambda root: f"masks:{root}", "segmentation")


NUMBERS = st.sampled_from(["0", "1", "3", "5", "-2", "2.5", "1e9", "nan", "x", ""])


def annotation(edges="0 0 3 3", name="<name>cell</name>", flag="", end="</annotation>", encoding="utf-8"):
    """Returns the bytes of a VOC annotation with one object."""
    tags = zip(["xmin", "ymin", "xmax", "ymax"], edges.split(" "), strict=True)
    box = "".join(f"<{tag}>{edge}</{tag}>" for tag, edge in tags)
    return f"<annotation><object>{name}{flag}<bndbox>{box}</bndbox></object>{end}".encode(encoding)


@st.composite
def annotations(draw):
    """Draws the bytes of a VOC annotation with random faults, or of an image in its place."""
    if not draw(st.integers(0, 4)):
        return draw(pixels())
    return annotation(
        " ".join(draw(st.lists(NUMBERS, min_size=4, max_size=4))),
        draw(st.sampled_from(["<name>cell</name>", "<name></name>", "", "<name> a b </name>"])),
        draw(st.sampled_from(["", "<difficult>0</difficult>", "<difficult>Unspecified</difficult>"])),
        draw(st.sampled_from(["</annotation>", "</annotation>", "", "</other>"])),
        draw(st.sampled_from(["utf-8", "utf-16"])),
    )


def voc_folders():
    """Returns folders of VOC data, with and without lists of splits."""
    plain = {f"JPEGImages/{n}.png": png(n) for n in range(6)}
    plain |= {f"Annotations/{n}.xml": annotation() for n in range(6)}
    lists = {
        f"ImageSets/Main/{name}.txt": f"{n}\n{n + 1}\n".encode() for n, name in ((0, "train"), (2, "test"))
    }
    return [plain, plain | lists]


@hypothesis.settings(max_examples=60)
@hypothesis.given(st.sampled_from(voc_folders()).flatmap(lambda files: changed(files, annotations())))
def test_random_voc_folders(files):
    check(files, lambda root: f"voc:{root}", "detection")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 9)
    | st.floats(allow_nan=True)
    | st.sampled_from(["1", "a", ""]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@st.composite
def coco_files(draw):
    """Draws the bytes of a COCO file of right form, with up to two values replaced or left out."""
    images = [{"id": n, "file_name": f"{n}.png", "height": 4, "width": 5} for n in range(6)]
    categories = [{"id": n, "name": f"c{n}", "supercategory": "c"} for n in (1, 2)]
    boxes = [
        {
            "id": n,
            "image_id": draw(st.sampled_from([0, 1, 2, 5])),
            "category_id": draw(st.sampled_from([1, 2])),
            "bbox": draw(st.sampled_from([[0, 0, 2, 2], [1, 1, 3, 2], [2.5, 0.5, 1, 1]])),
            "iscrowd": draw(st.sampled_from([0, 1])),
            "area": 4,
        }
        for n in range(6)
    ]
    whole = {"images": images, "annotations": boxes, "categories": categories}
    for _ in range(draw(st.integers(0, 2))):
        entries = [whole, *images, *categories, *boxes]
        entry = draw(st.sampled_from(entries))
        key = draw(st.sampled_from(sorted(entry))) if entry else "id"
        if draw(st.booleans()):
            entry.pop(key, None)
        else:
            entry[key] = draw(
                JSON | st.sampled_from(["1", "false", [0, 0, 0, 0], [0, 0, "2", 2], [-1, 0, 9, 9]])
            )
    return json.dumps(whole).encode()


@hypothesis.settings(max_examples=80)
@hypothesis.given(coco_files(), st.sampled_from(["", "train/"]), st.data())
def test_random_coco_folders(content, below, drawn):
    files = {f"{below}{n}.png": png(n) for n in range(6)}
    files[f"{below}_annotations.coco.json" if below else "train.json"] = content
    check(drawn.draw(changed(files, pixels())), lambda root: f"coco:{root}", "detection")


@pytest.mark.parametrize(
    ("spec", "files", "task"),
    [
        *(("images", files, "classification") for files in image_folders()),
        *(("masks", files, "segmentation") for files in mask_folders()),
        *(("voc", files, "detection") for files in voc_folders()),
    ],
)
def test_the_unchanged_folders_are_read(spec, files, task, tmp_path):
    written(files, tmp_path)
    source = data.load(f"{spec}:{tmp_path}", task=task)
    assert all(len(split) for split in source.splits.values()) and not source.skipped
