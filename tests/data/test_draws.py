import collections

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_cnn_zoo.data.draws import draw, draw_as_before
from keras_cnn_zoo.data.source import Split
from keras_cnn_zoo.data.splits import UNSPLIT, complete_splits
from keras_cnn_zoo.utils.errors import InputError


def files(names):
    """Returns a split of files whose class is their folder."""
    folders = sorted({name.partition("/")[0] for name in names})
    labels = [folders.index(name.partition("/")[0]) for name in names]
    return Split(names, names.__getitem__, labels=labels)


def lines(texts, labels=None):
    return Split([f"train/{i}" for i in range(len(texts))], texts.__getitem__, labels=labels, keys=texts)


def split_of_each(split, names=("test", "val"), seed=0, **options):
    """Returns a dict from the example (a path or a text) to its split."""
    parts, _ = draw(split, names, seed, **options)
    return {split[int(position)]: name for name, part in parts.items() for position in part}


def hundred():
    return [f"{folder}/{i:03d}.png" for folder in ("cat", "dog", "owl", "rat") for i in range(25)]


@pytest.mark.parametrize("of_all", [True, False])
@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_a_removed_example_moves_at_most_the_examples_at_the_boundaries(of_all, seed):
    names = hundred()
    before = split_of_each(files(names), seed=seed, of_all=of_all)
    for gone in names[::7]:
        after = split_of_each(files([name for name in names if name != gone]), seed=seed, of_all=of_all)
        moved = [name for name in after if after[name] != before[name]]
        assert len(moved) <= 4
        # From train to val, and from val to test: no test example has been a training example.
        assert not [name for name in moved if {before[name], after[name]} == {"train", "test"}]


def test_an_example_that_moves_to_another_class_moves_few_others():
    names = hundred()
    before = split_of_each(files(names))
    after = split_of_each(files([*names[1:], "dog/000b.png"]))
    moved = [name for name in names[1:] if after[name] != before[name]]
    assert len(moved) <= 4
    assert not [name for name in moved if {before[name], after[name]} == {"train", "test"}]


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=4),
    copies=st.lists(st.integers(1, 5), min_size=1, max_size=5),
    seed=st.integers(0, 99),
    of_all=st.booleans(),
)
def test_equal_contents_stay_together_and_small_classes_are_in_train(sizes, copies, seed, of_all):
    texts, labels = [], []
    for label, size in enumerate(sizes):
        for i in range(size):
            count = copies[i % len(copies)]
            texts += [f"{label}:{i}"] * count
            labels += [label] * count
    split = lines(texts, labels)
    parts, small = draw(split, ("test", "val"), seed, of_all=of_all)
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(len(texts)))
    found = collections.defaultdict(set)
    for name, part in parts.items():
        for position in part:
            found[texts[position]].add(name)
    assert all(len(names) == 1 for names in found.values())
    if max(sizes) >= 3:
        assert set(small) == {label for label, size in enumerate(sizes) if size < 3}
        for label in small:
            splits = {name for text, (name,) in found.items() if text.startswith(f"{label}:")}
            assert splits == {"train"}
        assert all(len(part) for part in parts.values())


def test_sizes_without_copies_are_shares_of_all_and_of_each_class():
    split = files([f"a/{i}" for i in range(50)] + [f"b/{i}" for i in range(20)])
    parts, _ = draw(split, ("test", "val"), 0)
    # Of 70: 14, then 6 of 56. Of a: 10, then 4 of 40. Of b: 4, then 2 of 16.
    assert {name: len(part) for name, part in parts.items()} == {"train": 50, "val": 6, "test": 14}
    assert [int((split.labels[part] == 0).sum()) for part in parts.values()] == [36, 4, 10]
    parts, _ = draw(split, ("test", "val"), 0, of_all=True)
    assert {name: len(part) for name, part in parts.items()} == {"train": 42, "val": 14, "test": 14}
    parts, _ = draw(split, ("val",), 0)
    assert {name: len(part) for name, part in parts.items()} == {"train": 63, "val": 7}


def test_many_small_classes_keep_the_shares():
    split = files([f"{label:03d}/{i}" for label in range(100) for i in range(4)])
    parts, _ = draw(split, ("test", "val"), 0)
    assert [len(part) for part in parts.values()] == [288, 32, 80]
    assert max(np.bincount(split.labels[parts["test"]])) == 1


def test_a_draw_depends_on_paths_in_unicode_form_nfc_and_not_on_their_order():
    composed = [f"caf\u00e9/{i}.png" for i in range(30)]
    decomposed = [name.replace("\u00e9", "e\u0301") for name in composed]
    one, other = split_of_each(files(composed)), split_of_each(files(decomposed[::-1]))
    assert {name.replace("e\u0301", "\u00e9"): part for name, part in other.items()} == one
    assert split_of_each(files(composed), seed=1) != one


def test_lines_are_drawn_by_their_text_and_not_by_their_number():
    texts = [f"text {i}" for i in range(60)]
    before = split_of_each(lines(texts))
    after = split_of_each(lines(texts[1:]))
    assert sum(after[text] != before[text] for text in texts[1:]) <= 2


def test_arrays_of_equal_bytes_and_other_shapes_are_different():
    square, row = np.zeros((2, 2), "uint8"), np.zeros((1, 4), "uint8")
    assert Split(["a", "b"], None, keys=[square, square]).key(0) != Split(["a"], None, keys=[row]).key(0)
    same = Split(["a", "b"], None, keys=[square, square.copy()])
    assert same.key(0) == same.key(1)


def test_one_content_that_fills_half_of_the_data_goes_to_train():
    texts = ["blank"] * 50 + [f"text {i}" for i in range(50)]
    for seed in range(8):
        parts, _ = draw(lines(texts, [0] * 100), ("test", "val"), seed, of_all=True)
        assert [len(parts[name]) for name in ("train", "val", "test")] == [60, 20, 20]
        assert set(range(50)) <= set(parts["train"].tolist())


def test_a_class_of_two_is_in_train_and_reported():
    names = [f"cat/{i}" for i in range(10)] + ["dog/0", "dog/1", "owl/0"]
    splits, notes = complete_splits({UNSPLIT: files(names)}, "x", 0, class_names=("cat", "dog", "owl"))
    assert {"dog/0", "dog/1", "owl/0"} <= set(splits["train"].names)
    assert [len(split) for split in splits.values()] == [9, 2, 2]
    assert notes[0] == "2 classes with fewer than 3 different examples: all in train (dog (2), owl (1))"


def test_copies_do_not_make_a_class_large_enough():
    texts = [f"text {i}" for i in range(10)] + ["same", "same", "same"]
    splits, notes = complete_splits({UNSPLIT: lines(texts, [0] * 10 + [1] * 3)}, "x", 0)
    assert splits["train"].labels.tolist().count(1) == 3
    assert "1 class with fewer than 3 different examples: all in train (1 (3))" in notes
    with pytest.raises(
        InputError, match="x has too few train examples .* Received: 5, of which 1 are different"
    ):
        complete_splits({"train": lines(["a"] * 5), "test": lines(["b"])}, "x", 0)


def test_small_classes_alone_are_one_group():
    names = ["cat/0", "cat/1", "dog/0", "dog/1"]
    splits, notes = complete_splits({UNSPLIT: files(names)}, "x", 0, class_names=("cat", "dog"))
    assert [len(split) for split in splits.values()] == [2, 1, 1]
    assert notes[0] == (
        "no class has 3 different examples: splits are drawn from all together (cat (2), dog (2))"
    )


@pytest.mark.parametrize("given", [("test", "val"), ("val",), ("test",)])
def test_the_old_draw_is_a_permutation_of_positions(given):
    parts = draw_as_before(files(hundred()), given, 7)
    rest = np.arange(100)
    for name in given:
        order = np.random.default_rng(7).permutation(len(rest))
        count = round((0.2 if name == "test" else 0.1) * len(rest))
        np.testing.assert_array_equal(parts[name], rest[np.sort(order[:count])])
        rest = rest[np.sort(order[count:])]
    np.testing.assert_array_equal(parts["train"], rest)


def test_the_old_draw_of_data_without_splits():
    parts = draw_as_before(files(hundred()), ("test", "val"), 3, of_all=True)
    order = np.random.default_rng(3).permutation(100)
    for name, part in (("test", order[:20]), ("val", order[20:40]), ("train", order[40:])):
        np.testing.assert_array_equal(parts[name], np.sort(part))
