import numpy as np
import pytest

from keras_cnn_zoo.data import load
from keras_cnn_zoo.utils.errors import InputError


def write(path, lines, encoding="utf-8", end="\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(line + end for line in lines).encode(encoding))


def opened(path, **options):
    return load(f"lines:{path}", task="language", **options)


def two_files(root, names=("good.txt", "bad.txt"), count=5):
    for name in names:
        write(root / name, [f"{name} {number}" for number in range(count)])


def test_the_stem_of_a_file_names_its_class(tmp_path):
    two_files(tmp_path)
    (tmp_path / "README.md").write_text("where the data come from")
    source = opened(tmp_path)
    assert source.class_names == ("bad", "good") and source.channels is None
    assert [len(split) for split in source.splits.values()] == [6, 2, 2]
    for split in source.splits.values():
        for name, label, example in zip(split.names, split.labels, split, strict=True):
            file, line = name.split(":")
            assert example == {"text": f"{file} {int(line) - 1}", "label": label}
            assert source.class_names[label] + ".txt" == file


def test_the_suffix_names_the_class_if_stems_are_equal(tmp_path):
    two_files(tmp_path, ("rt-polarity.pos", "rt-polarity.neg"))
    assert opened(tmp_path).class_names == ("neg", "pos")


@pytest.mark.parametrize("layout", ["folders", "files"])
def test_given_splits(tmp_path, layout):
    for split, count in (("train", 6), ("dev" if layout == "files" else "val", 2), ("test", 3)):
        for kind in ("pos", "neg"):
            name = f"{split}.{kind}" if layout == "files" else f"{split}/{kind}.txt"
            write(tmp_path / name, [f"{split} {number}" for number in range(count)])
    source = opened(tmp_path)
    assert source.class_names == ("neg", "pos") and source.notes == ()
    assert {name: len(split) for name, split in source.splits.items()} == {"train": 12, "val": 4, "test": 6}
    assert source.split("test")[0]["text"] == "test 0"


def test_lines_end_only_at_line_feeds(tmp_path):
    write(tmp_path / "a.txt", ["one\u0085still one\u2028still", "two\x0ctoo"], end="\r\n")
    write(tmp_path / "b.txt", ["\ufeffthree", "four"])
    (tmp_path / "b.txt").write_bytes((tmp_path / "b.txt").read_bytes().rstrip(b"\n"))
    source = opened(tmp_path)
    texts = {example["text"] for split in source.splits.values() for example in split}
    assert texts == {"one\u0085still one\u2028still", "two\x0ctoo", "\ufeffthree".lstrip("\ufeff"), "four"}


def test_another_encoding_is_refused_unless_given(tmp_path):
    for name in ("a.txt", "b.txt"):
        write(tmp_path / name, ["déjà vu", "naïve", "café"], "latin-1")
    with pytest.raises(InputError, match=r"a\.txt is not utf-8 text \(byte 1\)\. Name its encoding"):
        opened(tmp_path)
    texts = {e["text"] for split in opened(tmp_path, encoding="latin-1").splits.values() for e in split}
    assert texts == {"déjà vu", "naïve", "café"}
    write(tmp_path / "a.txt", ["abc"], "utf-16-le")
    write(tmp_path / "b.txt", ["abc"], "utf-16-le")
    with pytest.raises(InputError, match=r"a\.txt is not utf-8 text \(it has NUL\)"):
        opened(tmp_path)


def test_empty_lines_are_refused_or_left_out_and_counted(tmp_path):
    two_files(tmp_path)
    write(tmp_path / "good.txt", ["one", "", "three", "  ", "five", "six"])
    with pytest.raises(InputError, match=r"good\.txt line 2 is empty: every line must have a text"):
        opened(tmp_path)
    source = opened(tmp_path, skip_bad=True)
    assert [line.partition(":")[2].partition(":")[0] for line in source.skipped] == ["2", "4"]
    assert "left out 2 unreadable examples" in source.notes
    assert sum(len(split) for split in source.splits.values()) == 9


def test_class_names_order_or_rename(tmp_path):
    two_files(tmp_path)
    assert opened(tmp_path, class_names="good,bad").class_names == ("good", "bad")
    source = opened(tmp_path, class_names="down,up")
    assert source.class_names == ("down", "up")
    assert "classes named by `class_names` in the order of the data: bad = down, good = up" in source.notes
    (tmp_path / "classes.txt").write_text("good\nbad\nugly\n")
    source = opened(tmp_path)
    assert source.class_names == ("good", "bad", "ugly") and "no texts of ugly" in source.notes
    with pytest.raises(InputError, match="`class_names` must name the class 'bad'"):
        opened(tmp_path, class_names="good,ugly")


def test_a_split_file_names_lines(tmp_path):
    (tmp_path / "split.tsv").write_text(
        "train\tbad.txt:1\ntrain\tgood.txt:2\nval\tbad.txt:3\ntest\tgood.txt:5\n"
    )
    two_files(tmp_path / "data")
    source = opened(tmp_path / "data", split_file=tmp_path / "split.tsv")
    assert source.split("train").names == ["bad.txt:1", "good.txt:2"]
    assert source.split("test")[0]["text"] == "good.txt 4"
    np.testing.assert_array_equal(source.split("train").labels, [0, 1])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ((), "must have one text file per class"),
        (("only.txt",), "must have two classes or more. Received: only 'only'"),
        (
            ("a.pos", "a.neg", "b.pos"),
            "different stems or different suffixes, .* Received: a.neg, a.pos, b.pos",
        ),
    ],
)
def test_refused_folders(tmp_path, names, message):
    two_files(tmp_path, names)
    with pytest.raises(InputError, match=message):
        opened(tmp_path)


def test_a_missing_folder_and_another_task_are_refused(tmp_path):
    with pytest.raises(InputError, match="nowhere does not exist"):
        opened(tmp_path / "nowhere")
    with pytest.raises(InputError, match="lines: has no classification data"):
        load(f"lines:{tmp_path}", task="classification")


def test_an_empty_file_is_an_empty_line(tmp_path):
    two_files(tmp_path)
    (tmp_path / "good.txt").write_bytes(b"")
    with pytest.raises(InputError, match=r"good\.txt line 1 is empty"):
        opened(tmp_path)


@pytest.mark.parametrize("parent", ["", "reviews", "a/b"])
@pytest.mark.parametrize("layout", ["folders", "files"])
def test_split_names_in_any_case_and_in_a_single_folder(tmp_path, layout, parent):
    for split, count in (("Train", 6), ("Valid", 2), ("TESTING", 3)):
        for kind in ("pos", "neg"):
            name = f"{split}.{kind}" if layout == "files" else f"{split}/{kind}.txt"
            write(tmp_path / parent / name, [f"{split} {kind} {number}" for number in range(count)])
    source = opened(tmp_path)
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [12, 4, 6]
    assert source.class_names == ("neg", "pos") and source.notes == ()
    prefix = f"{parent}/" if parent else ""
    assert source.split("val").names[0].startswith(f"{prefix}Valid")


def test_texts_in_two_splits_are_reported(tmp_path):
    for split, numbers in (("train", range(6)), ("val", range(8, 10)), ("test", range(5, 9))):
        for kind in ("pos", "neg"):
            write(tmp_path / split / f"{kind}.txt", [f"{kind} {number}" for number in numbers])
    # Texts 5 and 8 of both classes.
    note = "4 texts are in more than one split, such as train/neg.txt:6 and test/neg.txt:1"
    assert opened(tmp_path).notes == (note,)


def test_files_and_folders_that_are_not_read_are_counted(tmp_path):
    two_files(tmp_path)
    for name in ("a.json", "b.zip", "README.md", "LICENSE"):
        (tmp_path / name).write_text("?")
    write(tmp_path / "more" / "good.txt", ["lost"])
    notes = opened(tmp_path).notes
    assert "left out 2 files without a class: a.json, b.zip" in notes
    assert "left out 1 folder that is not a split: more" in notes
    two_files(tmp_path / "train")
    two_files(tmp_path / "test", count=2)
    (tmp_path / "train" / "c.json").write_text("?")
    notes = opened(tmp_path).notes
    assert "left out 5 files without a class: a.json, b.zip, bad.txt, and 2 more" in notes


def test_data_yaml_names_the_classes(tmp_path):
    pytest.importorskip("yaml")
    two_files(tmp_path)
    (tmp_path / "data.yaml").write_text("names: [good, bad]")
    assert opened(tmp_path).class_names == ("good", "bad")


@pytest.mark.parametrize("parent", ["", "inner"])
def test_classes_are_named_next_to_the_single_folder(tmp_path, parent):
    for split in ("train", "test"):
        two_files(tmp_path / "inner" / split)
    (tmp_path / parent / "classes.txt").write_text("good\nbad\n")
    assert opened(tmp_path).class_names == ("good", "bad")


def test_other_files_are_named_if_there_is_nothing_else(tmp_path):
    (tmp_path / "reviews.csv").write_text("text,label")
    (tmp_path / "reviews.json").write_text("{}")
    message = (
        r"must have one text file per class. It has no text files. Received: reviews\.csv, reviews\.json"
    )
    with pytest.raises(InputError, match=message):
        opened(tmp_path)


@pytest.mark.parametrize("encoding", ["undefined", "rot13", "base64", "klingon"])
def test_an_encoding_that_is_not_of_text_is_refused(tmp_path, encoding):
    two_files(tmp_path)
    with pytest.raises(InputError, match=f"unknown text encoding. Received: '{encoding}'"):
        opened(tmp_path, encoding=encoding)


def test_folders_that_are_almost_called_like_splits_are_refused(tmp_path):
    two_files(tmp_path / "train_data")
    two_files(tmp_path / "test_data")
    with pytest.raises(
        InputError, match="test_data was probably meant to be the test split: rename it to test"
    ):
        opened(tmp_path)
