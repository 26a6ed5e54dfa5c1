import pytest

from keras_cnn_zoo.data.files.text import filled_lines, find_class_names, read_lines
from keras_cnn_zoo.data.options import ReadOptions
from keras_cnn_zoo.utils.errors import InputError


def test_byte_order_marks_and_line_ends_do_not_matter(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes(b"\xef\xbb\xbfa\r\nb\n\nc")
    assert read_lines(str(path), "utf-8") == ["a", "b", "", "c"]


def test_empty_lines_are_left_out_and_the_others_keep_their_numbers(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("\na\n \t\n b\n")
    assert filled_lines(str(path), "utf-8") == [(2, "a"), (4, " b")]


def test_the_users_class_names_take_precedence_over_the_file(tmp_path):
    assert find_class_names(str(tmp_path), ReadOptions("classification")) is None
    (tmp_path / "classes.txt").write_text("Tür\n\n  Fenster \n", encoding="utf-16")
    utf16 = ReadOptions("classification", encoding="utf-16")
    assert find_class_names(str(tmp_path), utf16) == ("Tür", "Fenster")
    given = ReadOptions("classification", class_names=("a", "b"))
    assert find_class_names(str(tmp_path), given) == ("a", "b")
    with pytest.raises(InputError, match=r"classes\.txt is not utf-8 text \(byte 0\). Name its encoding"):
        find_class_names(str(tmp_path), ReadOptions("classification"))


@pytest.mark.parametrize(
    ("text", "message"),
    [("a\nb\na\n", "names a class twice. Received: 'a'"), (" \n\n", r"classes\.txt has no class names")],
)
def test_bad_class_files_are_refused(tmp_path, text, message):
    (tmp_path / "classes.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        find_class_names(str(tmp_path), ReadOptions("classification"))
