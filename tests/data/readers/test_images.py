import numpy as np
import pytest

from keras_cnn_zoo.data import load
from keras_cnn_zoo.utils.errors import InputError

Image = pytest.importorskip("PIL.Image")


def save(path, value=0, *, size=(4, 6), colour=True):
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (*size, 3) if colour else size
    Image.fromarray(np.full(shape, value, dtype="uint8")).save(path)


def class_folders(root, classes=("cat", "dog"), count=5, **options):
    for number, name in enumerate(classes):
        for i in range(count):
            save(root / name / f"{i}.png", 10 * number + i, **options)


def open_images(root, **options):
    return load(f"images:{root}", task="classification", **options)


def test_unsplit_folders(tmp_path):
    class_folders(tmp_path)
    source = open_images(tmp_path)
    assert source.class_names == ("cat", "dog") and source.channels == 3
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [6, 2, 2]
    assert len(source.notes) == 1 and "no splits in the data" in source.notes[0]
    for split in source.splits.values():
        for name, label, example in zip(split.names, split.labels, split, strict=True):
            folder, file = name.split("/")
            assert example["label"] == label == ["cat", "dog"].index(folder)
            assert isinstance(example["label"], int)
            assert example["image"].shape == (4, 6, 3) and example["image"].dtype == np.uint8
            assert np.unique(example["image"]).tolist() == [10 * label + int(file[0])]


def test_given_splits_and_their_order(tmp_path):
    for split in ("train", "val", "test"):
        class_folders(tmp_path / split, count=12)
    source = open_images(tmp_path)
    assert source.notes == ()
    assert source.splits["val"].names[:4] == [
        "val/cat/0.png",
        "val/cat/1.png",
        "val/cat/10.png",
        "val/cat/11.png",
    ]
    for split in source.splits.values():
        assert split.names == sorted(split.names) and len(split) == 24


def test_nested_folders_are_separate_classes(tmp_path):
    class_folders(tmp_path / "train", ("animal/cat", "animal/dog", "tool/saw"))
    class_folders(tmp_path / "test", ("animal/cat", "animal/dog", "tool/saw"))
    source = open_images(tmp_path)
    assert source.class_names == ("animal/cat", "animal/dog", "tool/saw")


def test_a_gray_image_among_colored_ones_gets_three_channels(tmp_path):
    class_folders(tmp_path, colour=False)
    assert open_images(tmp_path).channels == 1
    save(tmp_path / "cat" / "9.JPG", 50)
    source = open_images(tmp_path)
    assert source.channels == 3
    assert {example["image"].shape for split in source.splits.values() for example in split} == {(4, 6, 3)}


def test_class_names_order_the_folders_and_may_name_absent_ones(tmp_path):
    class_folders(tmp_path)
    source = open_images(tmp_path, class_names=["dog", "cow", "cat"])
    assert source.class_names == ("dog", "cow", "cat") and "no images of cow" in source.notes
    labels = {
        name.split("/")[0]: label
        for name, label in zip(source.splits["train"].names, source.splits["train"].labels, strict=True)
    }
    assert labels == {"cat": 2, "dog": 0}


def test_renamed_folders_are_reported(tmp_path):
    class_folders(tmp_path, ("n01", "n02"))
    (tmp_path / "classes.txt").write_text("Käse\nBrot\n", encoding="latin-1")
    source = open_images(tmp_path, encoding="latin-1")
    assert source.class_names == ("Käse", "Brot")
    note = "classes named by classes.txt in sorted order of the folders: n01 = Käse, n02 = Brot"
    assert note in source.notes


def test_class_names_that_do_not_fit_are_refused(tmp_path):
    class_folders(tmp_path)
    with pytest.raises(InputError, match="`class_names` must name the folder 'dog' of .*Received: cat, cow"):
        open_images(tmp_path, class_names="cat,cow")


def test_split_file(tmp_path):
    class_folders(tmp_path)
    (tmp_path / "s.tsv").write_text("train\tcat/0.png\ntrain\tdog/1.png\nval\tcat/3.png\ntest\tdog/2.png\n")
    source = open_images(tmp_path, split_file=tmp_path / "s.tsv")
    assert source.splits["train"].names == ["cat/0.png", "dog/1.png"]
    assert source.splits["test"].labels.tolist() == [1]


def test_refusals(tmp_path):
    with pytest.raises(InputError, match="folder .*absent does not exist"):
        open_images(tmp_path / "absent")
    with pytest.raises(InputError, match="has no examples"):
        open_images(tmp_path)
    class_folders(tmp_path, ("cat",))
    with pytest.raises(InputError, match="must have two classes or more. Received: only 'cat'"):
        open_images(tmp_path)
    save(tmp_path / "stray.png")
    with pytest.raises(InputError, match=r"stray\.png is not in a class folder"):
        open_images(tmp_path)


def test_an_empty_split_is_refused(tmp_path):
    class_folders(tmp_path / "train")
    (tmp_path / "val" / "cat").mkdir(parents=True)
    with pytest.raises(InputError, match="has an empty val split"):
        open_images(tmp_path)


def test_split_folders_next_to_class_folders_are_refused(tmp_path):
    class_folders(tmp_path / "train")
    class_folders(tmp_path, ("extra",))
    with pytest.raises(
        InputError, match=r"must not mix split folders \(train\) with other folders .* Received: extra"
    ):
        open_images(tmp_path)


def test_a_file_that_is_not_an_image_is_named_when_the_data_is_opened(tmp_path):
    class_folders(tmp_path)
    (tmp_path / "dog" / "bad.jpg").write_text("no image")
    with pytest.raises(InputError, match=r"cannot read .*dog.bad\.jpg: not an image"):
        open_images(tmp_path)


def truncate(path):
    save(path, size=(64, 64))
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype="uint8")).save(path)
    path.write_bytes(path.read_bytes()[:3000])


def test_a_truncated_image_is_named_when_it_is_decoded(tmp_path):
    class_folders(tmp_path / "train")
    class_folders(tmp_path / "test")
    truncate(tmp_path / "test" / "cat" / "x.png")
    split = open_images(tmp_path).splits["test"]
    with pytest.raises(InputError, match=r"cannot read .*test.cat.x\.png"):
        split[split.names.index("test/cat/x.png")]


def test_skip_bad_leaves_them_out_and_counts_them(tmp_path):
    class_folders(tmp_path)
    (tmp_path / "dog" / "bad.jpg").write_text("no image")
    truncate(tmp_path / "cat" / "x.png")
    source = open_images(tmp_path, skip_bad=True)
    assert sum(map(len, source.splits.values())) == 10
    assert [line.split(":")[0] for line in source.skipped] == ["cat/x.png", "dog/bad.jpg"]
    assert "left out 2 unreadable examples" in source.notes
    assert all(example["image"].shape == (4, 6, 3) for split in source.splits.values() for example in split)


# --- folders that people have ---
@pytest.mark.parametrize("names", [("Train", "Test"), ("TRAINING", "Testing"), ("training", "test")])
def test_splits_in_any_case_are_not_classes(tmp_path, names):
    for name in names:
        class_folders(tmp_path / name)
    source = open_images(tmp_path)
    assert source.class_names == ("cat", "dog")
    assert len(source.splits["test"]) == 10 and source.splits["test"].names[0] == f"{names[1]}/cat/0.png"
    for name in ("Valid", "dev"):
        class_folders(tmp_path / name)
        if name == "Valid":
            assert len(open_images(tmp_path).splits["val"]) == 10
    with pytest.raises(InputError, match="two names for the val split: Valid and dev|dev and Valid"):
        open_images(tmp_path)


def test_splits_are_searched_in_a_single_folder(tmp_path):
    for split in ("Train", "valid", "test"):
        class_folders(tmp_path / "download" / "dataset" / split)
    (tmp_path / "download" / "README.md").write_text("x")
    (tmp_path / "__MACOSX" / "download").mkdir(parents=True)
    (tmp_path / "__MACOSX" / "download" / "._a.png").write_text("x")
    (tmp_path / "download" / "dataset" / "classes.txt").write_text("dog\ncat\n")
    source = open_images(tmp_path)
    assert source.class_names == ("dog", "cat") and source.notes == ()
    assert source.splits["val"].names[0] == "download/dataset/valid/cat/0.png"
    (tmp_path / "classes.txt").write_text("Dog\nCat\n")
    assert open_images(tmp_path).class_names == ("Dog", "Cat")


def test_a_single_folder_without_splits_is_part_of_the_class(tmp_path):
    class_folders(tmp_path / "flowers", ("rose", "tulip"))
    assert open_images(tmp_path).class_names == ("flowers/rose", "flowers/tulip")


@pytest.mark.parametrize(
    "folders",
    [
        ("train_set/cat", "train_set/dog", "test_set/cat", "test_set/dog"),
        ("Trainset/cat", "Testset/cat"),
        ("train2017", "val2017"),
        ("Training Data/cat", "Validation Data/dog"),
        ("trian/cat", "trian/dog", "tests/cat", "tests/dog"),
        ("tran/cat", "other/cat", "other/dog"),
    ],
)
def test_folders_that_are_probably_splits_are_refused(tmp_path, folders):
    class_folders(tmp_path, folders)
    with pytest.raises(
        InputError, match="was probably meant to be the (train|test|val) split: rename it to (train|test|val)"
    ):
        open_images(tmp_path)


def test_splits_below_the_classes_are_refused(tmp_path):
    class_folders(tmp_path, ("cat/train", "cat/test", "dog/train", "dog/test"))
    with pytest.raises(
        InputError, match="split folders in .*cat must be above the class .*, such as train/cat"
    ):
        open_images(tmp_path)


@pytest.mark.parametrize(
    "folders",
    [
        ("rain", "snow"),
        ("brain", "lung"),
        ("test tube/small", "bottle/large"),
        ("land/car", "land/train", "sea/ship"),
        ("day/cat", "night/cat"),
    ],
)
def test_classes_with_names_like_splits_stay_classes(tmp_path, folders):
    class_folders(tmp_path, folders)
    assert open_images(tmp_path).class_names == tuple(sorted(folders))


def test_images_are_recognized_by_extension_or_content(tmp_path):
    class_folders(tmp_path, ("cat",))
    picture = Image.fromarray(np.full((4, 6, 3), 9, "uint8"))
    (tmp_path / "dog").mkdir()
    kinds = {
        "a.jfif": "JPEG",
        "b.JPE": "JPEG",
        "c": "PNG",
        "d.1": "WEBP",
        "e": "BMP",
        "f": "TIFF",
        "g": "GIF",
    }
    kinds |= {"h": "PPM", "i.photo": "JPEG"}
    for name, kind in kinds.items():
        picture.save(tmp_path / "dog" / name, kind)
    source = open_images(tmp_path)
    assert source.class_names == ("cat", "dog")
    assert sum(map(len, source.splits.values())) == 5 + len(kinds)
    assert all(example["image"].shape == (4, 6, 3) for split in source.splits.values() for example in split)
    assert (
        "7 files without an image extension read as images: dog/c, dog/d.1, dog/e, dog/f, dog/g, and 2 more"
        in source.notes
    )


def test_what_is_left_out_is_counted_and_named(tmp_path):
    class_folders(tmp_path)
    (tmp_path / "README.txt").write_text("x")
    (tmp_path / "cat" / "notes.txt").write_text("BMP is a format, P5 another")
    (tmp_path / "cat" / "Thumbs.db").write_text("x")
    for folder in ("cow", "empty/inner"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "cow" / "1.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0")
    (tmp_path / "cow" / "2").write_bytes(b"\0\0\0\x18ftypavif\0\0\0\0")
    source = open_images(tmp_path)
    assert source.class_names == ("cat", "dog")
    for note in (
        "left out 2 files of types that are not read (AVIF, HEIC): cow/1.heic, cow/2",
        "left out 1 file that is not an image: cat/notes.txt",
        "no images in 2 folders: cow, empty",
    ):
        assert note in source.notes


def test_data_without_readable_images_says_what_there_is(tmp_path):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.heic").write_bytes(b"x")
    (tmp_path / "cat" / "a.txt").write_text("x")
    with pytest.raises(
        InputError,
        match=r"has no examples. Received 2 files that .* as images: cat/1.heic \(HEIC\), cat/a.txt",
    ):
        open_images(tmp_path)


def test_a_class_without_a_readable_image_is_named(tmp_path):
    class_folders(tmp_path)
    for i in range(2):
        (tmp_path / "cow").mkdir(exist_ok=True)
        (tmp_path / "cow" / f"{i}.jpg").write_text("no image")
    source = open_images(tmp_path, skip_bad=True)
    assert source.class_names == ("cat", "dog") and len(source.skipped) == 2
    assert "the class cow is left out: none of its 2 images can be read" in source.notes


def test_class_names_may_be_any_sequence(tmp_path):
    class_folders(tmp_path)
    for names in (
        np.array(["dog", "cat"]),
        ("dog", "cat"),
        iter(["dog", "cat"]),
        {"dog": 0, "cat": 1}.keys(),
    ):
        assert open_images(tmp_path, class_names=names).class_names == ("dog", "cat")
