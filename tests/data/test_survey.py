import collections

import pytest

from keras_cnn_zoo.data.survey import shared_channels, survey
from keras_cnn_zoo.utils.errors import InputError


def look(item):
    if item[1] % 2:
        raise InputError(f"odd {item[1]}")
    return item[1] * 10


def test_good_examples_keep_their_order():
    items = {
        "train": [(f"n{i}", 2 * i) for i in range(50)],
        "val": [],
        "test": [(f"t{i}", 4 * i) for i in range(9)],
    }
    seen = survey(items, look, skip_bad=False)
    assert seen.items == items and seen.faults == ()
    assert seen.looks == {
        "train": [20 * i for i in range(50)],
        "val": [],
        "test": [40 * i for i in range(9)],
    }
    assert seen.all_items() == items["train"] + items["test"]
    assert seen.all_looks() == seen.looks["train"] + seen.looks["test"]
    assert survey({}, look, skip_bad=False).items == {}


def test_bad_examples_are_errors_or_are_left_out_with_a_reason():
    items = {"train": [("a", 0), ("b", 1)], "test": [("c", 2), ("d", 3)]}
    with pytest.raises(InputError, match="odd 1"):
        survey(items, look, skip_bad=False)
    seen = survey(items, look, skip_bad=True)
    assert seen.items == {"train": [("a", 0)], "test": [("c", 2)]}
    assert seen.looks == {"train": [0], "test": [20]}
    assert seen.faults == (("train", "b: odd 1"), ("test", "d: odd 3"))


def test_a_reason_that_names_its_example_is_not_prefixed():
    def look(item):
        raise InputError(f"{item[0]} is empty")

    assert survey({"all": [("a line 2",)]}, look, skip_bad=True).faults == (("all", "a line 2 is empty"),)


def test_errors_in_code_are_never_skipped():
    with pytest.raises(ZeroDivisionError):
        survey({"all": [("a", 0)]}, lambda item: 1 / item[1], skip_bad=True)


def test_a_second_look_gets_the_first_and_adds_to_the_faults():
    def second(item, first):
        if first > 20:
            raise InputError("too large")
        return item[0], first + 1

    items = {"train": [("a", 0), ("b", 1), ("c", 4)], "test": [("d", 2)]}
    seen = survey(items, look, skip_bad=True).again(second)
    assert seen.items == {"train": [("a", 0)], "test": [("d", 2)]}
    assert seen.looks == {"train": [("a", 1)], "test": [("d", 21)]}
    assert seen.faults == (("train", "b: odd 1"), ("train", "c: too large"))
    with pytest.raises(InputError, match="too large"):
        survey({"train": [("c", 4)]}, look, skip_bad=False).again(second)


def test_an_empty_split_is_refused_with_the_reason():
    seen = survey({"train": [("a", 1), ("b", 2)], "val": [("c", 3)]}, look, skip_bad=True)
    with pytest.raises(InputError, match="x has an empty val split after leaving out c: odd 3"):
        seen.check_not_empty("x")
    survey({"train": [("b", 2)]}, look, skip_bad=True).check_not_empty("x")


def test_a_survey_becomes_a_found():
    seen = survey({"train": [("a", 0), ("b", 1), ("c", 2)], "test": [("d", 4)]}, look, skip_bad=True)
    found = seen.found(
        lambda row: {"row": row},
        ["even", "odd"],
        row=lambda item, look: (item[0], look),
        label=lambda row: row[1] // 20,
        notes=["a note"],
        skipped=["earlier"],
        mirror=False,
    )
    assert {name: split.names for name, split in found.splits.items()} == {"train": ["a", "c"], "test": ["d"]}
    assert found.splits["train"][1] == {"row": ("c", 20)}
    assert found.splits["train"].labels.tolist() == [0, 1]
    assert found.class_names == ("even", "odd") and found.notes == ("a note",) and found.channels is None
    assert found.skipped == ("earlier", "b: odd 1") and found.mirror is False
    renamed = seen.found(lambda row: row, (), name=lambda item, look: f"{item[0]}{look}", channels=3)
    assert renamed.splits["train"].names == ["a0", "c20"] and renamed.splits["train"].labels is None
    assert renamed.splits["train"][1] == ("c", 2)
    assert renamed.channels == 3 and renamed.mirror is True
    assert not renamed.splits["train"].keyed and renamed.splits["train"].targets(0) is None
    keyed = seen.found(lambda row: row, (), key=lambda row: row[0], targets=lambda row: {"n": row[1]})
    assert keyed.splits["train"].keyed and keyed.splits["train"].content(0)[0] == 1
    assert keyed.splits["train"].targets(1) == {"n": 2}


def test_one_image_with_colors_gives_all_of_them_three_channels():
    picture = collections.namedtuple("picture", "channels")
    assert shared_channels([picture(1), picture(1)]) == 1
    assert shared_channels([picture(1), picture(3)]) == 3
    assert shared_channels([]) == 3
