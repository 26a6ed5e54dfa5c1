import pytest

from keras_cnn_zoo.data.readers.texts import check_text, numbered_lines
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
