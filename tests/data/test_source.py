import hashlib

import numpy as np
import pytest

from keras_cnn_zoo.data.source import Source, Split
from keras_cnn_zoo.utils.errors import InputError


def numbers(prefix, count, *, labels=True):
    return Split(
        [f"{prefix}/{i}" for i in range(count)],
        lambda position: (prefix, position),
        labels=np.arange(count) if labels else None,
    )


def test_examples_are_read_on_access():
    asked = []
    split = Split(["a", "b", "c"], lambda position: asked.append(position) or position * 10)
    assert len(split) == 3 and asked == []
    assert [split[0], split[-1], split[np.int64(1)]] == [0, 20, 10]
    assert asked == [0, 2, 1]
    assert list(split) == [0, 10, 20]
    with pytest.raises(IndexError, match="example 3 of a split of 3"):
        split[3]
    with pytest.raises(IndexError, match="example -4 of a split of 3"):
        split[-4]


def test_select_keeps_names_labels_and_examples_together():
    chosen = numbers("train", 10).select([7, 2, 5])
    assert chosen.names == ["train/7", "train/2", "train/5"]
    assert chosen.labels.tolist() == [7, 2, 5]
    assert list(chosen) == [("train", 7), ("train", 2), ("train", 5)]
    assert list(chosen.select([2, 0])) == [("train", 5), ("train", 7)]
    assert chosen[1:].names == ["train/2", "train/5"]
    assert len(chosen.select([])) == 0


def test_concatenate_keeps_the_order_of_its_parts():
    joined = Split.concatenate([numbers("a", 2), Split.empty(), numbers("b", 3)])
    assert joined.names == ["a/0", "a/1", "b/0", "b/1", "b/2"]
    assert list(joined) == [("a", 0), ("a", 1), ("b", 0), ("b", 1), ("b", 2)]
    assert joined.labels is None
    assert Split.concatenate([numbers("a", 2), numbers("b", 3)]).labels.tolist() == [0, 1, 0, 1, 2]


def test_labels_must_fit_the_names():
    with pytest.raises(ValueError, match="2 names and labels of shape"):
        Split(["a", "b"], lambda position: None, labels=[1])


def test_split_refuses_unknown_and_empty_splits():
    source = Source(
        "npz:x", "classification", {"train": numbers("a", 2), "val": Split.empty()}, ("u", "v"), 1
    )
    assert source.num_classes == 2
    assert len(source.split("train")) == 2
    with pytest.raises(InputError, match="npz:x has no val examples"):
        source.split("val")
    with pytest.raises(InputError, match="unknown split. Known: train, val. Received: 'dev'"):
        source.split("dev")


def test_keys_and_targets_stay_with_their_examples():
    texts = ["one", "two", "three"]
    split = Split(list("abc"), texts.__getitem__, keys=texts, targets=lambda position: {"n": position})
    chosen = Split.concatenate([split.select([2, 0]), Split.empty(), split[1:2]])
    assert chosen.keyed and list(chosen) == ["three", "one", "two"]
    assert [chosen.content(i) for i in range(3)] == [split.content(i) for i in (2, 0, 1)]
    assert (
        split.content(2) == (5, hashlib.sha256(b"three").hexdigest()) and split.key(2) == split.content(2)[1]
    )
    assert [chosen.targets(i)["n"] for i in range(3)] == [2, 0, 1]
    plain = numbers("train", 2)
    assert not plain.keyed and plain.key(1) == "train/1" and plain.targets(0) is None
    assert not Split.concatenate([split, plain]).keyed
    with pytest.raises(
        ValueError, match="`keys` must hold one content per name. Received: 2 names and 1 keys"
    ):
        Split(["a", "b"], None, keys=["x"])
