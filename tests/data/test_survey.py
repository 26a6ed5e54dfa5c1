import pytest

from keras_cnn_zoo.data.survey import survey
from keras_cnn_zoo.utils.errors import InputError


def look(item):
    if item[1] % 2:
        raise InputError(f"odd {item[1]}")
    return item[1] * 10


def test_everything_good_is_kept_in_order():
    items = [(f"n{i}", 2 * i) for i in range(50)]
    kept, results, skipped = survey(items, look, skip_bad=False)
    assert kept == items and results == [20 * i for i in range(50)] and skipped == []
    assert survey([], look, skip_bad=False) == ([], [], [])


def test_the_bad_stop_or_are_left_out_with_their_reason():
    items = [("a", 0), ("b", 1), ("c", 2), ("d", 3)]
    with pytest.raises(InputError, match="odd 1"):
        survey(items, look, skip_bad=False)
    kept, results, skipped = survey(items, look, skip_bad=True)
    assert (kept, results) == ([("a", 0), ("c", 2)], [0, 20])
    assert skipped == ["b: odd 1", "d: odd 3"]


def test_a_reason_that_names_its_example_stands_alone():
    def look(item):
        raise InputError(f"{item[0]} is empty")

    assert survey([("a line 2",)], look, skip_bad=True)[2] == ["a line 2 is empty"]


def test_errors_of_the_code_itself_are_never_skipped():
    with pytest.raises(ZeroDivisionError):
        survey([("a", 0)], lambda item: 1 / item[1], skip_bad=True)
