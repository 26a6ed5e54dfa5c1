import pytest

from keras_cnn_zoo.data.readers.texts import (
    check_text,
    is_about_data,
    is_document,
    note_on_scripts,
    numbered_lines,
)
from keras_cnn_zoo.utils.errors import InputError


def test_lines_are_numbered_from_one_without_their_ends(tmp_path):
    (tmp_path / "a.txt").write_bytes("\ufeffone\r\n\r\nthrée".encode())
    assert numbered_lines(tmp_path / "a.txt", "utf-8") == [(1, "one"), (2, ""), (3, "thrée")]


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*gone\.txt: No such file"):
        numbered_lines(tmp_path / "gone.txt", "utf-8")


def test_white_space_is_not_a_text():
    check_text("here", " a ")
    with pytest.raises(InputError, match="here is empty"):
        check_text("here", " \t\u00a0")


def test_scripts_without_spaces_are_reported():
    assert note_on_scripts(["one", "два", "하나"]) == ()
    (note,) = note_on_scripts(["one", "一", "หนึ่ง"])
    assert note.startswith("2 of 3 texts have characters of a script without spaces")


def test_files_that_describe_data_are_recognized():
    assert all(map(is_about_data, ("classes.txt", "data.yaml", "README", "readme.md", "LICENSE.txt")))
    assert not any(map(is_about_data, ("a.txt", "train.tsv", "licenses.txt")))
    assert all(map(is_document, ("a/b.TXT", "x/README", "labels.csv"))) and not is_document("a/b.wma")
