import pathlib

import numpy as np
import pytest

from keras_cnn_zoo.data import load
from keras_cnn_zoo.utils.errors import InputError

Image = pytest.importorskip("PIL.Image")

IIIT5K = pathlib.Path(__file__).parents[4] / "shared" / "data" / "iiit5k"


def picture(path, size=(12, 30), mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size[::-1], 90).save(path)


def table(root, split, rows, **options):
    """Writes a table of (image, text) and its images."""
    for name, _ in rows:
        picture(root / name, **options)
    lines = "".join(f"{name}\t{text}\n" for name, text in rows)
    (root / f"{split}.tsv").write_text(lines, encoding="utf-8")


def rows(split, texts):
    return [(f"{split}/{index}.png", text) for index, text in enumerate(texts)]


def open_words(root, **options):
    return load(f"words:{root}", task="text", **options)


def test_tables_give_splits_in_their_order(tmp_path):
    table(tmp_path, "train", rows("train", ["Exit", "42", "HOTEL"]))
    table(tmp_path, "val", rows("val", ["bus"]))
    table(tmp_path, "test", rows("test", ["a", "b"]), mode="L")
    source = open_words(tmp_path)
    assert source.class_names == tuple("0123456789abcdefghijklmnopqrstuvwxyz")
    assert source.channels == 3 and not source.mirror and source.notes == ()
    assert [example["text"] for example in source.splits["train"]] == ["exit", "42", "hotel"]
    assert source.splits["train"].names == ["train/0.png", "train/1.png", "train/2.png"]
    example = source.splits["test"][1]
    assert example["text"] == "b" and example["image"].shape == (12, 30, 3)
    assert example["image"].dtype == np.uint8


def test_missing_splits_are_drawn(tmp_path):
    table(tmp_path, "train", rows("pictures", ["w"] * 20))
    source = open_words(tmp_path)
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [14, 2, 4]
    assert any("no val split: drew 2" in note for note in source.notes)


def test_gray_images_stay_gray_and_empty_lines_are_left_out(tmp_path):
    picture(tmp_path / "a.png", mode="L")
    (tmp_path / "test.tsv").write_bytes(b"\xef\xbb\xbfa.png\tone\r\n\r\na.png\ttwo\n")
    source = open_words(tmp_path)
    assert source.channels == 1
    assert [example["text"] for example in source.splits["test"]] == ["one", "two"]


def test_the_user_can_give_an_alphabet(tmp_path):
    table(tmp_path, "test", rows("test", ["Été", "no"]))
    assert open_words(tmp_path, class_names="é,t,n,o").splits["test"][0]["text"] == "été"
    (tmp_path / "classes.txt").write_text("É\né\nt\nn\no\n", encoding="utf-8")
    source = open_words(tmp_path)
    assert source.class_names == ("É", "é", "t", "n", "o")
    # With capitals in the alphabet, case matters.
    assert source.splits["test"][0]["text"] == "Été"


def test_another_encoding(tmp_path):
    picture(tmp_path / "a.png")
    (tmp_path / "test.tsv").write_bytes("a.png\tété\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"test.tsv is not utf-8 text .* Name its encoding with `encoding`"):
        open_words(tmp_path)
    assert open_words(tmp_path, class_names="é,t", encoding="latin-1").splits["test"][0]["text"] == "été"


@pytest.mark.parametrize(
    "line, message",
    [
        ("a.png\t", r"test.tsv line 2 has an empty text"),
        ("a.png exit", r"test.tsv line 2 must be `picture<TAB>text`. Received: 'a.png exit'"),
        ("\texit", r"test.tsv line 2 must be `picture<TAB>text`. Received: '\\texit'"),
        ("gone.png\texit", r"test.tsv line 2 names .*gone.png, which does not exist"),
        ("a.png\tno-go", r"test.tsv line 2: '-' is not in the alphabet 0123456789abc.* Received: 'no-go'"),
        ("broken.png\texit", r"cannot read .*broken.png: not an image, or a damaged file"),
    ],
)
def test_bad_lines_are_refused_in_one_line_or_left_out(tmp_path, line, message):
    picture(tmp_path / "a.png")
    (tmp_path / "broken.png").write_bytes(b"nothing")
    (tmp_path / "test.tsv").write_text(f"a.png\tfine\n{line}\na.png\tgood\n", encoding="utf-8")
    with pytest.raises(InputError, match=message):
        open_words(tmp_path)
    source = open_words(tmp_path, skip_bad=True)
    assert [example["text"] for example in source.splits["test"]] == ["fine", "good"]
    assert len(source.skipped) == 1 and source.skipped[0].startswith(str(tmp_path / "test.tsv line 2"))
    assert "left out 1 unreadable example" in source.notes


def test_a_truncated_image_is_found_by_skip_bad(tmp_path):
    picture(tmp_path / "a.png", size=(60, 60))
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "half.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "test.tsv").write_text("half.png\tone\na.png\ttwo\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"cannot read .*half.png"):
        open_words(tmp_path).splits["test"][0]
    assert len(open_words(tmp_path, skip_bad=True).splits["test"]) == 1


def test_refusals(tmp_path):
    with pytest.raises(InputError, match=r"folder .*gone does not exist"):
        open_words(tmp_path / "gone")
    with pytest.raises(InputError, match=r"must have one of train.tsv, val.tsv, test.tsv"):
        open_words(tmp_path)
    table(tmp_path, "test", rows("test", ["a"]))
    with pytest.raises(InputError, match="class names of text must be single characters. Received: 'ab'"):
        open_words(tmp_path, class_names="ab,c")
    (tmp_path / "train.tsv").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="has an empty train split"):
        open_words(tmp_path)
    with pytest.raises(InputError, match="words: has no classification data"):
        load(f"words:{tmp_path}", task="classification")


@pytest.mark.parametrize("parent", ["", "dataset", "a/b"])
def test_split_names_in_any_case_and_in_a_single_folder(tmp_path, parent):
    for name, count in (("Train", 3), ("VALID", 1), ("testing", 2)):
        table(tmp_path / parent, name, rows(name, ["w"] * count))
    (tmp_path / parent / "testing.tsv").rename(tmp_path / parent / "testing.TSV")
    source = open_words(tmp_path)
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [3, 1, 2] and source.notes == ()
    prefix = f"{parent}/" if parent else ""
    assert source.splits["val"].names == [f"{prefix}VALID/0.png"]
    assert source.splits["test"][1]["text"] == "w"


def test_images_in_two_tables_are_reported_and_have_different_names(tmp_path):
    table(tmp_path, "train", [("a.png", "one"), ("b.png", "two"), ("./c.png", "three")])
    table(tmp_path, "val", [("d.png", "one")])
    table(tmp_path, "test", [("a.png", "one"), ("e.png", "two"), ("c.png", "three")])
    source = open_words(tmp_path)
    assert source.notes == ("2 files are in more than one split: a.png (train, test), c.png (train, test)",)
    assert source.splits["train"].names == ["a.png", "b.png", "c.png"]
    assert source.splits["test"].names == ["a.png (2)", "e.png", "c.png (2)"]
    assert source.splits["test"][2]["text"] == "three"


def test_images_and_tables_that_are_not_used_are_reported(tmp_path):
    table(tmp_path, "train", rows("train", ["a", "b", "c", "d", "e"]))
    for name in ("x.png", "train/y.jpg"):
        picture(tmp_path / name)
    (tmp_path / "extra.tsv").write_text("x.png\tone\n")
    notes = open_words(tmp_path).notes
    assert f"{tmp_path}/extra.tsv is not used: its name is not that of a split" in notes
    assert "left out 2 images in no table: train/y.jpg, x.png" in notes


def test_tables_of_windows_are_read(tmp_path):
    picture(tmp_path / "sub" / "a.png")
    (tmp_path / "test.tsv").write_bytes(b"\xef\xbb\xbf.\\sub\\a.png\tone\r\n")
    assert open_words(tmp_path).splits["test"].names == ["sub/a.png"]


def test_other_tables_are_named_if_there_is_nothing_else(tmp_path):
    (tmp_path / "train.csv").write_text("a.png,one\n")
    (tmp_path / "labels.txt").write_text("")
    with pytest.raises(InputError, match=r"must have one of train\.tsv, .* It has: labels\.txt, train\.csv"):
        open_words(tmp_path)


@pytest.mark.skipif(not IIIT5K.is_dir(), reason="the shared data are not there")
def test_iiit5k():
    source = open_words(IIIT5K)
    assert {name: len(split) for name, split in source.splits.items()} == {
        "train": 1800,
        "val": 200,
        "test": 3000,
    }
    assert source.splits["test"][0]["text"] == "private" and source.skipped == ()
