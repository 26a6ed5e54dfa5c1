import numpy as np
import pytest

from keras_cnn_zoo.data.files.masks import (
    check_values,
    count_classes,
    count_labels,
    mask_classes,
    numbered_classes,
    values_of,
)
from keras_cnn_zoo.data.options import ReadOptions
from keras_cnn_zoo.utils.errors import InputError


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "uint16"])
def test_values_of_a_mask(dtype):
    assert values_of(np.array([[3, 0], [255, 3]], dtype=dtype)) == (0, 3, 255)
    assert values_of(np.zeros((0, 4), dtype=dtype)) == ()


def test_the_largest_value_that_is_not_ignored_is_the_last_class():
    assert count_classes([0, 1, 2, 255], 255, "x") == 3
    assert count_classes([2, 3, 255], 255, "x") == 4
    assert count_classes(range(12), 11, "x") == 11
    assert count_classes([1, 2, 0], 0, "x") == 3


@pytest.mark.parametrize(("values", "found"), [([0, 255], r"\[0, 255\]"), ([0], r"\[0\]"), ([], "none")])
def test_fewer_than_two_classes_are_refused(values, found):
    with pytest.raises(InputError, match=f"x must have two classes or more.* 255. Received values: {found}"):
        count_classes(values, 255, "x")


def test_training_masks_give_the_classes_else_all_masks():
    values = {"train": [(0, 1), (2, 255)], "test": [(0, 7)]}
    assert numbered_classes(values, 255, "x") == ("0", "1", "2")
    assert numbered_classes({"val": [(0, 3)], "test": [(0, 1), (1,)]}, 255, "x") == ("0", "1", "2", "3")
    with pytest.raises(InputError, match="the masks of x must have two classes or more"):
        numbered_classes({"train": [(0,)], "test": [(0, 1)]}, 255, "x")


def test_values_outside_the_classes_are_refused():
    check_values([0, 2, 255], 3, 255, "a.png")
    for value in (3, -1):
        message = f"a.png must have classes 0 to 2 or the ignored label 255. Received: the value {value}"
        with pytest.raises(InputError, match=message):
            check_values([0, value], 3, 255, "a.png")


@pytest.mark.parametrize(
    ("values", "ignored", "found"),
    [
        ([0, 1, 2, 65535], 255, r"65,536 classes .* 0, 1, 2, 65535. If 65535 marks .* `ignore_label` 65535"),
        ([0, 1, 2, 254], 255, r"half .* 255 classes .* 0, 1, 2, 254. If 254 marks .* `ignore_label` 254"),
        ([0, 11, 23, 35], 255, "half .* 36 classes from the values 0, 11, 23, 35. Number the classes from 0"),
        (range(300), 255, r"at most 256 classes.* 300 classes .* 0, 1, 2, 3, 4, 5, ..., 299 \(300 values\)"),
        ([0, 255], 7, "256 classes from the values 0, 255"),
    ],
)
def test_implausible_numbers_of_classes_are_refused(values, ignored, found):
    with pytest.raises(InputError, match=f"the masks of x must use .*{found}"):
        count_classes(values, ignored, "x")


def test_classes_that_other_splits_use_are_not_missing():
    assert count_classes([0, 5], 255, "x", others=[1, 2]) == 6
    assert numbered_classes({"train": [(0, 5)], "test": [(1, 2)]}, 255, "x") == tuple("012345")
    with pytest.raises(InputError, match="Received 6 classes from the values 0, 5"):
        count_classes([0, 5], 255, "x")
    assert numbered_classes({"test": [(0, 5)]}, 255, "x") == tuple("012345")
    with pytest.raises(InputError, match="at most 256 classes.* 65,536 classes"):
        numbered_classes({"test": [(0, 1, 65535)]}, 255, "x")


def test_labels_must_use_half_of_the_classes():
    assert count_labels(np.array([3, 1, 2]), "y") == 4
    assert count_labels(np.zeros(0, "int64"), "y") == 0
    assert count_labels(np.array([7, 9]), "y", sparse=True) == 10
    with pytest.raises(
        InputError, match="y must use at least half of the classes 0 to 2001. Received 2,002 .* 1999, 2001"
    ):
        count_labels(np.array([1999, 2001]), "y")


def options(**given):
    return ReadOptions("segmentation", **given)


def test_masks_of_0_and_255_are_binary_in_all_splits_together():
    classes = mask_classes({"train": [(0,), (0, 255)], "test": [(0,)]}, options(), "x")
    assert classes.names == ("0", "1") and classes.binary
    assert classes.notes == (
        "the masks have only the values 0 and 255: 255 is class 1 (1), nothing is ignored",
    )
    mask = np.array([[0, 255]], "uint8")
    np.testing.assert_array_equal(classes.of_mask(mask), [[0, 1]])
    classes.check((0, 255), 255, "x")
    named = mask_classes({"all": [(0, 255)]}, options(), "x", names=("ground", "road"))
    assert named.names == ("ground", "road") and named.binary
    assert mask_classes({"all": [(0, 255)]}, options(ignore_label=9, ignore_label_given=True), "x").binary


def test_255_is_ignored_with_other_values_or_if_the_user_says_so():
    classes = mask_classes({"train": [(0, 255)], "test": [(0, 1)]}, options(), "x", names=("a", "b"))
    assert not classes.binary and classes.notes == ()
    mask = np.array([[0, 255]], "uint8")
    assert classes.of_mask(mask) is mask
    given = options(ignore_label=255, ignore_label_given=True)
    assert not mask_classes({"all": [(0, 255)]}, given, "x", names=("a", "b")).binary
    with pytest.raises(InputError, match="must have two classes or more"):
        mask_classes({"all": [(0, 255)]}, given, "x")


@pytest.mark.parametrize("names", [("a",), ("a", "b", "c")])
def test_binary_masks_need_two_names(names):
    with pytest.raises(
        InputError, match=f"x have only the values 0 and 255, .* `class_names` must name two.*: {names[0]}"
    ):
        mask_classes({"all": [(0, 255)]}, options(), "x", names=names)
