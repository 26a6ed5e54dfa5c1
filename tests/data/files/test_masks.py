import numpy as np
import pytest

from keras_cnn_zoo.data.files.masks import check_values, count_classes, numbered_classes, values_of
from keras_cnn_zoo.utils.errors import InputError


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "uint16"])
def test_values_of_a_mask(dtype):
    assert values_of(np.array([[3, 0], [255, 3]], dtype=dtype)) == (0, 3, 255)
    assert values_of(np.zeros((0, 4), dtype=dtype)) == ()


def test_the_largest_value_that_is_not_ignored_is_the_last_class():
    assert count_classes([0, 1, 2, 255], 255, "x") == 3
    assert count_classes([5, 255], 255, "x") == 6
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
