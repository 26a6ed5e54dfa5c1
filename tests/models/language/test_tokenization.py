import re

import numpy as np
import pytest

from keras_cnn_zoo.models.language import Words, build_vocabulary, tokenize

TEXTS = (
    "It's a film you'll love -- isn't it?",
    "they've said (twice!) i'd go, we're sure it wasn't",
    "one-of-a-kind  'quoted' `ticks` 42nd ...",
    "don'ts and 'struth , can't've",
    "",
)


def kims_cleaning(text):
    """Cleans ASCII text by the documented steps of Kim's program."""
    text = re.sub("[^A-Za-z0-9(),!?'`]", " ", text)
    for ending in ("'s", "'ve", "n't", "'re", "'d", "'ll"):
        text = text.replace(ending, " " + ending)
    for mark in ",!()?":
        text = text.replace(mark, f" {mark} ")
    return text.strip().lower().split()


@pytest.mark.parametrize("text", TEXTS)
def test_ascii_is_cleaned_as_in_the_paper(text):
    assert tokenize(text) == kims_cleaning(text)


def test_letters_of_every_script_and_typographic_quotes():
    assert tokenize("Isn\u2019t d\u00e9j\u00e0 vu") == tokenize("isn't de\u0301ja\u0300 vu")
    assert tokenize("Хороший фильм_да") == ["хороший", "фильм", "да"]


def test_vocabulary_is_ordered_by_count_then_alphabet():
    texts = ["b a b c", "b a d"]
    assert build_vocabulary(texts) == ("b", "a", "c", "d")
    assert build_vocabulary(texts, min_count=2) == ("b", "a")
    assert build_vocabulary(texts, size=3) == ("b", "a", "c")


def test_encoding_pads_cuts_and_marks_unknown_words():
    words = Words(("good", "film"))
    ids = words.encode(["Good film!", "a b good film good", "...", ""], 3)
    np.testing.assert_array_equal(ids, [[2, 3, 1], [1, 1, 2], [1, 0, 0], [1, 0, 0]])
    assert ids.dtype == np.int32
