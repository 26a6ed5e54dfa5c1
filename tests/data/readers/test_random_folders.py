"""Random folders of images and masks: they are read, or refused in one line, and nothing gets lost."""

import io
import pathlib
import tempfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_cnn_zoo.data import load
from keras_cnn_zoo.utils.errors import InputError
from tests.data.png_files import exif, index_png

Image = pytest.importorskip("PIL.Image")

FOLDERS = ("train", "Test", "VALID", "train_set", "cat", "dog", "images", "labels", "Masks", "données", "a b")
STEMS = ("1", "2", "10", "001", "x", ".hidden", "ü")


def encoded(array, kind="PNG", orientation=1):
    stream = io.BytesIO()
    image = Image.fromarray(array)
    image.save(stream, kind, **({} if orientation == 1 else {"exif": exif(orientation)}))
    return stream.getvalue()


COLOR = np.arange(2 * 3 * 3).reshape(2, 3, 3).astype("uint8")
VALUES = np.array([[0, 1, 2], [2, 1, 0]], "uint8")
CONTENTS = {
    "color": encoded(COLOR),
    "jpeg": encoded(COLOR, "JPEG"),
    "rotated": encoded(COLOR, "PNG", 6),
    "flipped": encoded(COLOR, "PNG", 3),
    "index": encoded(VALUES),
    "two bits": index_png(VALUES, 2),
    "palette": index_png(VALUES, 4, palette=True),
    "binary": encoded((VALUES > 0).astype("uint8") * 255),
    "void": encoded(np.where(VALUES == 2, 65535, VALUES.astype("uint16")).astype("uint16")),
    "wide": encoded(np.zeros((2, 5), "uint8")),
    "empty": b"",
    "text": b"BM and P5 are signatures",
    "heic": b"\0\0\0\x18ftypheic\0\0\0\0",
    "truncated": encoded(COLOR)[:40],
}
EXTENSIONS = (".png", ".PNG", ".jpg", ".jfif", "", ".txt", ".heic", ".gif")

paths = st.tuples(
    st.lists(st.sampled_from(FOLDERS), max_size=3), st.sampled_from(STEMS), st.sampled_from(EXTENSIONS)
)
folders = st.dictionaries(
    paths.map(lambda p: "/".join([*p[0], p[1] + p[2]])), st.sampled_from(sorted(CONTENTS))
)


# Trees that are nearly always read: two classes, and one split folder or none.
images = ("color", "jpeg", "rotated", "index", "binary", "wide", "heic", "text")
trees = st.builds(
    lambda prefix, names: {
        f"{prefix}{folder}/{stem}{extension}": kind for (folder, stem, extension), kind in names.items()
    },
    st.sampled_from(["", "Train/", "data/", "data/TEST/"]),
    st.dictionaries(
        st.tuples(
            st.sampled_from(["cat", "dog"]), st.sampled_from(STEMS), st.sampled_from(["", ".1", ".txt"])
        ),
        st.sampled_from(images),
        min_size=8,
    ),
)


def write(root, files):
    written = {}
    for name, kind in files.items():
        path = root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(CONTENTS[kind])
        except OSError:
            # A file and a folder of one name.
            continue
        written[name] = kind
    return written


def opened(spec, **options):
    """Returns the source with all examples decoded, or None if it is refused in one line."""
    try:
        source = load(spec, **options)
        for split in source.splits.values():
            list(split)
    except InputError as error:
        assert str(error) and "\n" not in str(error)
        return None
    return source


@settings(max_examples=40)
@given(st.one_of(folders, trees), st.booleans())
def test_folders_of_images(files, skip_bad):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        written = write(root, files)
        for task in ("classification", "tracking"):
            source = opened(f"images:{root}", task=task, skip_bad=skip_bad)
            if source is None:
                continue
            read = {name for split in source.splits.values() for name in split.names}
            assert read <= set(written)
            told = "\n".join((*source.notes, *source.skipped))
            for name in set(written) - read:
                hidden = name.rpartition("/")[2].startswith(".")
                no_image = "/" not in name or written[name] in ("text", "empty")
                assert hidden or no_image or name in told or " more" in told, (name, told)


@settings(max_examples=40)
@given(folders, st.booleans(), st.sampled_from([None, "a,b", "a,b,c"]), st.sampled_from([None, 255, 2]))
def test_folders_of_masks(files, skip_bad, class_names, ignore_label):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        write(root, files)
        opened(
            f"masks:{root}",
            task="segmentation",
            skip_bad=skip_bad,
            class_names=class_names,
            ignore_label=ignore_label,
        )


mask_kinds = ("index", "two bits", "palette", "binary", "void", "rotated", "wide", "text", "empty")
pairs = st.lists(
    st.tuples(st.sampled_from(["color", "jpeg", "rotated", "flipped"]), st.sampled_from(mask_kinds)),
    min_size=3,
)


@settings(max_examples=40)
@given(pairs, st.sampled_from(["", "Train/", "data/"]), st.booleans())
def test_pairs_of_images_and_masks(kinds, prefix, skip_bad):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        files = {f"{prefix}images/{i}.png": image for i, (image, _) in enumerate(kinds)}
        files |= {f"{prefix}masks/{i}.png": mask for i, (_, mask) in enumerate(kinds)}
        write(root, files)
        source = opened(f"masks:{root}", task="segmentation", skip_bad=skip_bad)
        if source is not None:
            for split in source.splits.values():
                for example in split:
                    assert example["image"].shape[:2] == example["mask"].shape
                    values = set(np.unique(example["mask"])) - {255}
                    assert values <= set(range(source.num_classes))
            assert sum(map(len, source.splits.values())) + len(source.skipped) == len(kinds)
