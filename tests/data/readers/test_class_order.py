import pytest

from keras_cnn_zoo.data.options import ReadOptions
from keras_cnn_zoo.data.readers.class_order import class_order
from keras_cnn_zoo.utils.errors import InputError


def order(path, found, names=None):
    options = ReadOptions("classification", class_names=names)
    words = {"noun": "images", "place": "folder", "order": "sorted order of the folders"}
    return class_order(path, found, options, **words)


def test_without_names_the_classes_are_those_of_the_data(tmp_path):
    assert order(tmp_path, ["b", "a"]) == (("b", "a"), {"b": 0, "a": 1}, ())


def test_names_order_the_classes_and_absent_ones_are_reported(tmp_path):
    names, index, notes = order(tmp_path, ["a", "b"], ("b", "c", "a"))
    assert names == ("b", "c", "a") and index == {"b": 0, "c": 1, "a": 2}
    assert notes == ("no images of c",)
    (tmp_path / "classes.txt").write_text("b\na\n")
    assert order(tmp_path, ["a", "b"]) == (("b", "a"), {"b": 0, "a": 1}, ())


def test_equally_many_new_names_rename_the_classes(tmp_path):
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    names, index, notes = order(tmp_path, ["n1", "n2"])
    assert names == ("cat", "dog") and index == {"n1": 0, "n2": 1}
    assert notes == ("classes named by classes.txt in sorted order of the folders: n1 = cat, n2 = dog",)


@pytest.mark.parametrize("names", [("a", "c"), ("c", "d", "e"), ("a",)])
def test_names_that_leave_out_a_class_are_refused(tmp_path, names):
    wanted = "`class_names` must name the folder '[ab]' of .*. Received: " + ", ".join(names)
    with pytest.raises(InputError, match=wanted):
        order(tmp_path, ["a", "b"], names)


def test_one_class_is_refused_and_zero_are_allowed(tmp_path):
    with pytest.raises(InputError, match="must have two classes or more. Received: only 'a'"):
        order(tmp_path, ["a"])
    assert order(tmp_path, []) == ((), {}, ())
