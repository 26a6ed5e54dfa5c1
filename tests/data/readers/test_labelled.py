import pytest

from keras_cnn_zoo.data import load
from keras_cnn_zoo.utils.errors import InputError


def opened(path, **options):
    return load(f"labelled:{path}", task="language", **options)


def three_files(root, stem="stsa.binary"):
    for suffix, count in (("train", 6), ("dev", 2), ("test", 4)):
        lines = [f"{number % 2} {suffix} number {number}\n" for number in range(count)]
        (root / f"{stem}.{suffix}").write_text("".join(lines))


def test_splits_labels_and_names(tmp_path):
    three_files(tmp_path)
    source = opened(tmp_path)
    assert source.class_names == ("0", "1") and source.notes == () and source.channels is None
    assert {name: len(split) for name, split in source.splits.items()} == {"train": 6, "val": 2, "test": 4}
    assert source.split("val").names == ["stsa.binary.dev:1", "stsa.binary.dev:2"]
    assert source.split("test")[3] == {"text": "test number 3", "label": 1}
    assert opened(tmp_path, class_names="bad,good").class_names == ("bad", "good")


def test_the_format_has_two_spellings(tmp_path):
    three_files(tmp_path)
    one, other = (load(f"{name}:{tmp_path}", task="language") for name in ("labeled", "labelled"))
    assert one.class_names == other.class_names and one.name == f"labeled:{tmp_path}"
    assert all(list(one.split(name)) == list(other.split(name)) for name in ("train", "val", "test"))


def test_numbers_are_ordered_by_size_and_words_by_the_alphabet(tmp_path):
    (tmp_path / "x.train").write_text("10 a\n9 b\n100 c\n")
    assert opened(tmp_path, seed=1).class_names == ("9", "10", "100")
    (tmp_path / "x.train").write_text("no a\nyes\tb\nmaybe c\n")
    assert opened(tmp_path).class_names == ("maybe", "no", "yes")


def test_a_missing_split_is_drawn(tmp_path):
    three_files(tmp_path)
    (tmp_path / "stsa.binary.dev").unlink()
    source = opened(tmp_path)
    assert [len(split) for split in source.splits.values()] == [5, 1, 4]


@pytest.mark.parametrize("line", ["", "1", "1   "])
def test_a_line_without_a_text_is_refused_or_left_out(tmp_path, line):
    three_files(tmp_path)
    with open(tmp_path / "stsa.binary.train", "a") as file:
        file.write(line + "\n")
    with pytest.raises(InputError, match=r"stsa\.binary\.train line 7 is empty"):
        opened(tmp_path)
    source = opened(tmp_path, skip_bad=True)
    assert len(source.skipped) == 1 and len(source.split("train")) == 6


def test_refused_folders(tmp_path):
    with pytest.raises(InputError, match=r"has no files \*\.train, \*\.dev, or \*\.test"):
        opened(tmp_path)
    three_files(tmp_path)
    three_files(tmp_path, "stsa.fine")
    with pytest.raises(
        InputError, match="must have one file per split.* Received for val: stsa.binary.dev, stsa.fine.dev"
    ):
        opened(tmp_path)


def test_files_of_empty_lines_alone_are_refused(tmp_path):
    (tmp_path / "a.train").write_text("\n\n")
    with pytest.raises(InputError, match=r"a\.train line 1 is empty: every line must have a text"):
        load(f"labelled:{tmp_path}", task="language")


@pytest.mark.parametrize("parent", ["", "sst2", "a/b"])
def test_split_names_in_any_case_and_in_a_single_folder(tmp_path, parent):
    (tmp_path / parent).mkdir(parents=True, exist_ok=True)
    for suffix, count in (("Train", 6), ("VALID", 2), ("Testing", 4)):
        lines = [f"{number % 2} {suffix} number {number}\n" for number in range(count)]
        (tmp_path / parent / f"x.{suffix}").write_text("".join(lines))
    source = opened(tmp_path)
    assert [len(source.splits[name]) for name in ("train", "val", "test")] == [6, 2, 4]
    prefix = f"{parent}/" if parent else ""
    assert source.split("val").names == [f"{prefix}x.VALID:1", f"{prefix}x.VALID:2"]


def test_texts_in_two_splits_and_other_files_are_reported(tmp_path):
    three_files(tmp_path)
    with open(tmp_path / "stsa.binary.test", "a") as file:
        file.write("0 train number 3\n")
    for name in ("a.csv", "README.md", "classes.txt"):
        (tmp_path / name).write_text("0\n1\n")
    assert opened(tmp_path).notes == (
        "left out 1 file that is not *.train, *.dev, or *.test: a.csv",
        "1 text is in more than one split, such as stsa.binary.train:4 and stsa.binary.test:5",
    )


def test_other_files_are_named_if_there_is_nothing_else(tmp_path):
    (tmp_path / "train.txt").write_text("0 a\n")
    with pytest.raises(InputError, match=r"has no files \*\.train, .* It has: train\.txt"):
        opened(tmp_path)


def test_a_byte_order_mark_is_not_part_of_a_label(tmp_path):
    three_files(tmp_path)
    path = tmp_path / "stsa.binary.train"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert opened(tmp_path).class_names == ("0", "1")
