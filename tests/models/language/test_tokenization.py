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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("这部电影很好!", ["这", "部", "电", "影", "很", "好", "!"]),
        ("iPhone很好，2024年。", ["iphone", "很", "好", "2024", "年"]),
        ("すごい映画ー々", ["す", "ご", "い", "映", "画", "ー", "々"]),
        # A letter keeps its vowels and tones.
        ("ดีมาก ที่สุด", ["ดี", "ม", "า", "ก", "ที่", "สุ", "ด"]),
        ("한국어 문장은 그대로", ["한국어", "문장은", "그대로"]),
        ("\U00020000\u3400x", ["\U00020000", "\u3400", "x"]),
        ("「引用」・ฯ฿", ["引", "用", "ฯ"]),
    ],
)
def test_characters_of_scripts_without_spaces_are_words(text, words):
    assert tokenize(text) == words


def test_without_character_tokens_words_are_those_of_earlier_versions():
    assert tokenize("这部电影 很好", character_tokens=False) == ["这部电影", "很好"]
    assert tokenize("ดีมาก", character_tokens=False) == ["ด", "มาก"]
    for text in TEXTS:
        assert tokenize(text, character_tokens=False) == tokenize(text)


def test_vocabulary_and_numbers_follow_the_rule():
    texts = ["好电影", "坏电影"]
    assert set(build_vocabulary(texts)) == set("好坏电影")
    assert set(build_vocabulary(texts, character_tokens=False)) == set(texts)
    np.testing.assert_array_equal(Words(("好", "影")).encode(["好电影"], 4), [[2, 1, 3, 0]])
    old = Words(("好电影",), character_tokens=False)
    np.testing.assert_array_equal(old.encode(["好电影", "好"], 2), [[2, 0], [1, 0]])
