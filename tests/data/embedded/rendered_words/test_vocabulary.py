import collections

import numpy as np
import pytest

from keras_cnn_zoo.data.embedded.rendered_words import vocabulary
from keras_cnn_zoo.data.embedded.rendered_words.vocabulary import Vocabulary
from keras_cnn_zoo.utils.characters import ALPHABET, columns_needed


def drawn(words, count=2000):
    rng = np.random.default_rng(0)
    return [words.draw(rng) for _ in range(count)]


def test_words_of_all_kinds_in_the_alphabet():
    words = drawn(Vocabulary(ALPHABET, given=("kwikbuy",)))
    assert set("".join(words)) <= set(ALPHABET) and all(words)
    counts = collections.Counter(
        "given" if word == "kwikbuy" else "number" if word.isdigit() else "other" for word in words
    )
    assert counts["given"] / 2000 == pytest.approx(vocabulary.SHARES["given"], abs=0.05)
    assert counts["number"] / 2000 == pytest.approx(vocabulary.SHARES["number"], abs=0.05)
    english = set(vocabulary.english())
    assert sum(word in english for word in words) > 800


def test_without_given_words_none_is_drawn():
    vocabulary_of = Vocabulary(ALPHABET)
    assert vocabulary_of.shares[0] == 0.0 and vocabulary_of.shares[-1] == pytest.approx(1.0)
    assert set("".join(drawn(Vocabulary("01")))) == {"0", "1"}
    assert all(word.isalpha() for word in drawn(Vocabulary("abcdefghij"), 300))


def test_no_word_needs_more_columns_than_there_are():
    for columns in (1, 3, 24):
        words = Vocabulary(ALPHABET, given=("aaaa", "abcdefghijklmnopqrstuvwxyz"), columns=columns)
        assert max(columns_needed(word) for word in drawn(words)) <= columns


def test_words_outside_the_alphabet_are_left_out():
    assert Vocabulary("abc", given=("cab", "taxi", "")).given == ("cab",)


def test_words_depend_only_on_the_generator():
    words = Vocabulary(ALPHABET)
    assert drawn(words, 50) == drawn(words, 50)


def test_pythons_documentation_is_the_fallback(monkeypatch):
    monkeypatch.setattr(vocabulary.importlib.util, "find_spec", lambda name: None)
    words = vocabulary.english.__wrapped__()
    assert len(words) > 2000 and "class" in words
    assert all(word.isalpha() and word == word.lower() for word in words)


def test_the_list_of_the_extra_comes_in_order_of_frequency():
    pytest.importorskip("wordsegment")
    assert vocabulary.english()[:3] == ("the", "of", "and")
    assert len(vocabulary.english()) == vocabulary.ENGLISH_WORDS
