import pytest

from keras_cnn_zoo.data.files.text import check_encoding, filled_lines, find_class_names, read_lines
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


@pytest.mark.parametrize(
    "name", ["undefined", "rot13", "base64", "hex", "zlib", "klingon", "", "a\0b", None, 8]
)
def test_encodings_that_are_not_of_text_are_refused_in_one_line(name):
    with pytest.raises(InputError, match="`encoding` must be .* unknown text encoding. Received: ") as caught:
        check_encoding(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["utf-8", "UTF8", "utf-8-sig", "latin-1", "utf-16", "gb18030", "shift_jis"])
def test_encodings_of_text_are_accepted(name):
    check_encoding(name)


def test_a_codec_that_fails_in_its_own_way_is_refused_in_one_line(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes(b"abc")
    with pytest.raises(InputError, match=r"x\.txt is not undefined text. Name its encoding"):
        read_lines(str(path), "undefined")
