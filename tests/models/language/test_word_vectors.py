import numpy as np
import pytest

from keras_cnn_zoo.models.language import read_word_vectors
from keras_cnn_zoo.utils.errors import InputError


def written(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("header", ["", "4 3\n"])
def test_glove_and_word2vec_text_files(tmp_path, header):
    text = header + "good 1 2 3\nbad -1 0.5 1e-2\n. . . 7 8 9\nother 0 0 0\n"
    found = read_word_vectors(written(tmp_path / "v.txt", text), ("good", "bad", "missing", ". . ."))
    assert sorted(found) == [". . .", "bad", "good"]
    np.testing.assert_allclose(found["bad"], [-1, 0.5, 0.01])
    np.testing.assert_array_equal(found[". . ."], [7, 8, 9])
    assert found["good"].dtype == np.float32


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no word vectors"),
        ("good 1 2 3\nbad 1 2\n", "line 2: expected a word and 3 numbers. Received: 3 fields"),
        ("good 1 2 x\n", "line 1: could not convert"),
        ("good 1 nan 2\n", "line 1 must have finite numbers"),
        ("good\n", "line 1: expected a word and 1 numbers"),
    ],
)
def test_refused_files(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_word_vectors(written(tmp_path / "v.txt", text), ("good", "bad"))


def test_missing_files_and_binary_ones_are_named(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*gone\.txt"):
        read_word_vectors(tmp_path / "gone.txt", ("a",))
    (tmp_path / "v.bin").write_bytes(b"2 2\ngood \xff\xfe\x80\x3f")
    with pytest.raises(InputError, match=r"v\.bin is not a text file of word vectors in UTF-8"):
        read_word_vectors(tmp_path / "v.bin", ("good",))
