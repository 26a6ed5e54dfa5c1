import pytest

from keras_cnn_zoo.data.source import Split
from keras_cnn_zoo.data.splits import UNSPLIT, apply_split_file, check_not_empty, complete_splits
from keras_cnn_zoo.utils.errors import InputError


def numbers(prefix, count):
    return Split([f"{prefix}/{i}" for i in range(count)], lambda position: position)


def names_of(splits):
    return {name: split.names for name, split in splits.items()}


def test_given_splits_are_used_as_they_are():
    given = {name: numbers(name, 4) for name in ("test", "train", "val")}
    splits, notes = complete_splits(given, "x", 3)
    assert list(splits) == ["train", "val", "test"]
    assert all(splits[name] is given[name] for name in given)
    assert notes == []


def test_missing_val_is_a_tenth_of_train_and_leaves_test_alone():
    splits, notes = complete_splits({"train": numbers("train", 50), "test": numbers("test", 7)}, "x", 3)
    assert [len(split) for split in splits.values()] == [45, 5, 7]
    assert splits["test"].names == numbers("test", 7).names
    assert sorted(splits["train"].names + splits["val"].names) == sorted(numbers("train", 50).names)
    assert notes == ["no val split: drew 5 of the 50 train examples (seed 3)"]


def test_missing_test_is_a_fifth_of_train():
    splits, notes = complete_splits({"train": numbers("train", 50), "val": numbers("val", 6)}, "x", 0)
    assert [len(split) for split in splits.values()] == [40, 6, 10]
    assert notes == ["no test split: drew 10 of the 50 train examples (seed 0)"]
    splits, notes = complete_splits({"train": numbers("train", 50)}, "x", 0)
    assert [len(split) for split in splits.values()] == [36, 4, 10]
    assert len(notes) == 2


def test_no_splits_are_drawn_sixty_twenty_twenty():
    splits, notes = complete_splits({UNSPLIT: numbers("all", 50)}, "x", 4)
    assert [len(split) for split in splits.values()] == [30, 10, 10]
    assert sorted(sum(names_of(splits).values(), [])) == sorted(numbers("all", 50).names)
    assert notes == ["no splits in the data: drew train / val / test = 30 / 10 / 10 of 50 (seed 4)"]


def test_draws_depend_on_the_seed_and_keep_the_order():
    draws = [names_of(complete_splits({UNSPLIT: numbers("all", 40)}, "x", seed)[0]) for seed in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]
    order = {name: i for i, name in enumerate(numbers("all", 40).names)}
    for names in draws[0].values():
        assert names == sorted(names, key=order.get)


def test_the_smallest_sets_fill_every_split():
    splits, _ = complete_splits({UNSPLIT: numbers("all", 3)}, "x", 0)
    assert [len(split) for split in splits.values()] == [1, 1, 1]
    with pytest.raises(InputError, match="x needs 3 examples or more to draw splits from. Received: 2"):
        complete_splits({UNSPLIT: numbers("all", 2)}, "x", 0)
    with pytest.raises(InputError, match="x has too few train examples to draw val from. Received: 1"):
        complete_splits({"train": numbers("train", 1), "test": numbers("test", 1)}, "x", 0)


def test_data_with_only_a_test_split_can_be_evaluated():
    splits, notes = complete_splits({"test": numbers("test", 5)}, "x", 0)
    assert [len(split) for split in splits.values()] == [0, 0, 5]
    assert notes == ["the data has only test: use it for evaluation, not for training"]


def test_empty_splits_are_refused():
    with pytest.raises(InputError, match="x has an empty val split"):
        complete_splits({"train": numbers("train", 5), "val": Split.empty()}, "x", 0)
    with pytest.raises(InputError, match="x has no examples"):
        check_not_empty("x", UNSPLIT, [])


def split_file(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "splits.tsv"
    path.write_bytes(text.encode(encoding))
    return str(path)


def test_split_file_overrides(tmp_path):
    path = split_file(tmp_path, "test\tall/3\n\ntrain\tall/0\r\ntrain\tall/2\nval\tall/1\n")
    splits, notes = apply_split_file({UNSPLIT: numbers("all", 6)}, path, "x", "utf-8")
    assert names_of(splits) == {"train": ["all/0", "all/2"], "val": ["all/1"], "test": ["all/3"]}
    assert notes == [f"splits from {path}", f"2 examples are not in {path} and are left out"]


def test_split_file_moves_examples_between_given_splits(tmp_path):
    path = split_file(tmp_path, "train\ttest/0\ntest\ttrain/0\n")
    splits, _ = apply_split_file(
        {"train": numbers("train", 1), "test": numbers("test", 1)}, path, "x", "utf-8"
    )
    assert names_of(splits) == {"train": ["test/0"], "test": ["train/0"]}


def test_split_file_in_another_encoding(tmp_path):
    path = split_file(tmp_path, "train\té/0\n", "latin-1")
    splits, _ = apply_split_file({UNSPLIT: numbers("é", 1)}, path, "x", "latin-1")
    assert names_of(splits) == {"train": ["é/0"]}
    with pytest.raises(InputError, match=r"splits\.tsv is not utf-8 text"):
        apply_split_file({UNSPLIT: numbers("é", 1)}, path, "x", "utf-8")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train all/0\n", r"line 1 must be `split<TAB>path`. Received: 'train all/0'"),
        ("train\tall/0\ndev\tall/1\n", r"line 2: split must be one of train, val, test. Received: 'dev'"),
        ("train\tall/9\n", r"line 1: no such example in x. Received: 'all/9'"),
        ("train\tall/0\ntest\tall/0\n", r"line 2: 'all/0' is already in line 1"),
        ("\n\n", r"splits\.tsv names no example"),
    ],
)
def test_bad_split_files_are_refused(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        apply_split_file({UNSPLIT: numbers("all", 3)}, split_file(tmp_path, text), "x", "utf-8")


def test_missing_split_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*absent\.tsv: No such file"):
        apply_split_file({UNSPLIT: numbers("all", 3)}, str(tmp_path / "absent.tsv"), "x", "utf-8")
