"""Damaged folders of annotations are read, or refused in one line: never a traceback."""

import json
import pathlib
import tempfile

import hypothesis
import pytest
from hypothesis import strategies as st

from keras_cnn_zoo.data import load
from keras_cnn_zoo.utils.errors import InputError
from tests.data import coco_folders, voc_folders

Image = pytest.importorskip("PIL.Image")
for package in ("defusedxml", "pycocotools", "yaml"):
    pytest.importorskip(package)

FEW = hypothesis.settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(hypothesis.HealthCheck)
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 50),
    st.just(10**400),
    st.floats(),
    st.sampled_from(
        ["", "0", "1", "2", "cat", "dog", "false", "True", "nan", "../x", "a/b.png", "\u00e9\0", "1e400"]
    ),
    st.text(max_size=5),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=5,
)


def reads_or_refuses(spec, task, **options):
    """Opens data and all its examples. Any error must be an `InputError` of one line."""
    try:
        source = load(spec, task=task, **options)
        for split in source.splits.values():
            assert all(example is not None for example in split)
    except InputError as error:
        assert "\n" not in str(error)


def places(value, path=()):
    """Yields the path of every part of a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        yield from places(part, (*path, key))


def changed(value, path, new):
    """Puts a value at a path, or removes what is there if it is "remove"."""
    *above, last = path
    for key in above:
        value = value[key]
    if new == "remove":
        del value[last]
    else:
        value[last] = new


@pytest.mark.parametrize("task", ["detection", "segmentation"])
def test_coco(task):
    with tempfile.TemporaryDirectory() as folder:
        path = coco_folders.data_set(pathlib.Path(folder), count=3)
        good = path.read_text()
        spots = [spot for spot in places(json.loads(good)) if spot]

        @FEW
        @hypothesis.given(
            st.lists(st.tuples(st.sampled_from(spots), VALUES | st.just("remove")), min_size=1, max_size=2),
            st.booleans(),
        )
        def check(changes, skip_bad):
            content = json.loads(good)
            for spot, new in changes:
                try:
                    changed(content, spot, new)
                except (KeyError, IndexError, TypeError):
                    hypothesis.reject()
            path.write_text(json.dumps(content))
            reads_or_refuses(f"coco:{folder}", task, skip_bad=skip_bad)

        check()


PARTS = [
    "<annotation>",
    "</annotation>",
    "<object>",
    "<name>cat</name>",
    "<difficult>0</difficult>",
    "<bndbox>",
    "<xmin>3</xmin>",
    "</bndbox>",
    "<size>",
    "<width>30</width>",
    "</size>",
    ">",
    "0",
    "3",
]


def test_voc():
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        voc_folders.some(root, 3)
        path = root / "Annotations" / "pet_1.xml"
        good = path.read_text()

        @FEW
        @hypothesis.given(
            st.lists(
                st.tuples(st.sampled_from(PARTS), st.sampled_from(PARTS) | st.text(max_size=8)),
                min_size=1,
                max_size=2,
            ),
            st.booleans(),
        )
        def check(changes, skip_bad):
            text = good
            for old, new in changes:
                text = text.replace(old, new, 1)
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
            reads_or_refuses(f"voc:{folder}", "detection", skip_bad=skip_bad)

        check()


NUMBERS = st.sampled_from(["0", "1", "2", "-1", "0.5", "0.25", "1.5", "nan", "inf", "1e400", "cat", "\u0665"])


@pytest.mark.parametrize("task", ["detection", "segmentation"])
def test_yolo(task):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for split in ("train", "val", "test"):
            for name in ("images", "labels"):
                (root / name / split).mkdir(parents=True)
            Image.new("RGB", (40, 20)).save(root / "images" / split / "a.png")
            (root / "labels" / split / "a.txt").write_text("0 0.1 0.1 0.9 0.1 0.5 0.9\n")
        keys = {
            "train": "images/train",
            "val": ["images/val"],
            "test": "images/test",
            "nc": "2",
            "names": ["cat", "dog"],
        }

        @FEW
        @hypothesis.given(
            st.lists(st.lists(NUMBERS, max_size=10), max_size=2),
            st.dictionaries(st.sampled_from([*keys, "path", "kpt_shape", "Valid"]), VALUES, max_size=1),
            st.booleans(),
        )
        def check(lines, changes, skip_bad):
            (root / "labels" / "val" / "a.txt").write_text("\n".join(" ".join(line) for line in lines))
            # JSON is YAML.
            (root / "data.yaml").write_text(json.dumps({**keys, **changes}))
            reads_or_refuses(f"yolo:{folder}", task, skip_bad=skip_bad)

        check()


FOLDERS = [
    "",
    "train/",
    "Test/",
    "valid/",
    "a/",
    "a/b/",
    "annotations/",
    "images/",
    "JPEGImages/",
    "Annotations/",
]
FILES = [
    "x.jpg",
    "x.xml",
    "X.XML",
    "y.png",
    "train.json",
    "_annotations.coco.json",
    "latest.json",
    "data.yaml",
]
CONTENTS = [b"", b"{}", b"<annotation/>", b"\xff\xfe", b"\0", b"names: [a]\ntrain: images", "image"]


@FEW
@hypothesis.given(
    st.dictionaries(
        st.tuples(st.sampled_from(FOLDERS), st.sampled_from(FILES)), st.sampled_from(CONTENTS), max_size=5
    ),
    st.sampled_from(["voc", "coco", "yolo"]),
    st.booleans(),
)
def test_folders_of_anything(files, kind, skip_bad):
    with tempfile.TemporaryDirectory() as folder:
        for (parent, name), content in files.items():
            path = pathlib.Path(folder, parent, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            if content == "image":
                Image.new("L", (9, 9)).save(path, "PNG")
            else:
                path.write_bytes(content)
        reads_or_refuses(f"{kind}:{folder}", "detection", skip_bad=skip_bad)


WORDS = [
    "no/0.wav",
    "yes/0.wav",
    "train/no/1.wav",
    "Testing/yes/1.mp3",
    "train.txt",
    "validation_list.txt",
    "a_1.flac",
    "good.txt",
    "bad.pos",
    "x.train",
    "y.DEV",
    "train.tsv",
    "valid.TSV",
    "a.json",
    "README",
    "classes.txt",
]
TEXTS = [
    b"",
    b"\n",
    b"0 one\n1 two\n",
    b"no/0.wav\n",
    b"a.png\tone\n",
    b"\xef\xbb\xbfcat\ndog\n",
    b"\xff\xfea\0",
    b"RIFF",
]


@FEW
@hypothesis.given(
    st.dictionaries(st.sampled_from(WORDS), st.sampled_from(TEXTS), max_size=6),
    st.sampled_from([("wavs", "speech"), ("lines", "language"), ("labelled", "language"), ("words", "text")]),
    st.sampled_from(["utf-8", "utf-16", "latin-1", "undefined", "idna", "rot13"]),
    st.booleans(),
)
def test_folders_of_texts_and_sounds(files, kind, encoding, skip_bad):
    pytest.importorskip("soundfile")
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        reads_or_refuses(f"{kind[0]}:{folder}", kind[1], encoding=encoding, skip_bad=skip_bad)
