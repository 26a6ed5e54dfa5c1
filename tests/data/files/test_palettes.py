import numpy as np
import pytest

from keras_cnn_zoo.data.files.palettes import read_palette
from keras_cnn_zoo.utils.errors import InputError


def palette(tmp_path, text):
    path = tmp_path / "p.txt"
    path.write_text(text, encoding="utf-8")
    return read_palette(str(path), "utf-8")


def test_lines_are_colors_and_names(tmp_path):
    found = palette(tmp_path, "200 1 2\tlong name \n\n0 0 3  käse\n")
    assert found.names == ("long name", "käse")
    colors = np.array([[[0, 0, 3], [200, 1, 2]]], "uint8")
    np.testing.assert_array_equal(found.class_ids(colors, "x"), [[1, 0]])


def test_a_color_without_class_is_named(tmp_path):
    found = palette(tmp_path, "200 1 2 a\n0 0 3 b\n")
    for strange in ([0, 0, 2], [0, 0, 4], [255, 255, 255]):
        colors = np.array([[[0, 0, 3], strange]], "uint8")
        message = f"x must have only colors of .*p.txt. Received: {' '.join(map(str, strange))} at row 0, col"
        with pytest.raises(InputError, match=message):
            found.class_ids(colors, "x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2 3\n", "line 1 must be `R G B name`. Received: '1 2 3'"),
        ("R G B name\n", "line 1 must be `R G B name`"),
        ("1.5 2 3 a\n", "line 1 must be `R G B name`"),
        ("1 2 3 a\n1 -2 3 b\n", "line 2 must be `R G B name`"),
        ("1 2 3 a\n1 2 256 b\n", "line 2 must have numbers from 0 to 255. Received: '1 2 256 b'"),
        ("1 2 3 a\n1 2 3 b\n", "line 2 repeats the color of 'a'"),
        ("1 2 3 a\n1 2 4 a\n", "line 2 repeats the name 'a'"),
        ("1 2 3 a\n", "must have two classes or more. Received: a"),
        ("", "must have two classes or more. Received: none"),
    ],
)
def test_refusals(tmp_path, text, message):
    with pytest.raises(InputError, match=rf"p\.txt {message}"):
        palette(tmp_path, text)
    with pytest.raises(InputError, match=r"cannot read .*absent\.txt"):
        read_palette(str(tmp_path / "absent.txt"), "utf-8")
