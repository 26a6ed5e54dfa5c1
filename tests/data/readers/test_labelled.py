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
