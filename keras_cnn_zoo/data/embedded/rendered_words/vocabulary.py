"""The texts of rendered words: words of the training data, English words, numbers, and random strings."""

import functools
import importlib.util
import os

import numpy as np

from keras_cnn_zoo.utils.characters import columns_needed

# Relative frequencies of words of 1, 2, 3, ... characters. Signs are short.
LENGTHS = np.array([4, 10, 15, 18, 16, 12, 9, 6, 4, 2, 1.5, 1, 0.8, 0.5, 0.3, 0.2])
# "given" are the words of the training data.
SHARES = {"given": 0.25, "english": 0.5, "number": 0.12, "random": 0.13}
ENGLISH_WORDS = 40_000


@functools.cache
def english():
    """Returns English words: `wordsegment`'s list by frequency (extra `text`), else those of Python's
    documentation, sorted."""
    spec = importlib.util.find_spec("wordsegment")
    if spec is None:
        from pydoc_data.topics import topics

        words = "".join(c if c.isascii() and c.isalpha() else " " for c in " ".join(topics.values()))
        return tuple(sorted({word.lower() for word in words.split() if len(word) > 1}))
    with open(os.path.join(os.path.dirname(spec.origin), "unigrams.txt"), encoding="utf-8") as file:
        lines = (next(file) for _ in range(ENGLISH_WORDS))
        return tuple(line.split("\t")[0] for line in lines)


class Vocabulary:
    """A random source of words.

    Args:
        alphabet: characters that may occur, one string each.
        given: words of the training data.
        columns: number of columns that a word may need (see `columns_needed`).
    """

    def __init__(self, alphabet, given=(), columns=24):
        self.columns = columns
        self.alphabet = "".join(alphabet)
        known = set(self.alphabet)
        self.digits = "".join(c for c in self.alphabet if c.isdigit())
        self.given = tuple(word for word in given if word and set(word) <= known)
        lengths = LENGTHS[:columns]
        self.lengths = np.cumsum(lengths / lengths.sum())
        self.english = [[] for _ in lengths]
        for word in english():
            if set(word) <= known and len(word) <= len(lengths):
                self.english[len(word) - 1].append(word)
        shares = {
            **SHARES,
            "given": SHARES["given"] if self.given else 0.0,
            "number": SHARES["number"] if self.digits else 0.0,
        }
        total = sum(shares.values())
        self.kinds = tuple(shares)
        self.shares = np.cumsum([share / total for share in shares.values()])

    def draw(self, rng):
        """Returns a word drawn by a `numpy.random.Generator`, shortened if it needs too many columns."""
        word = self._draw(rng)
        while columns_needed(word) > self.columns:
            word = word[:-1]
        return word

    def _draw(self, rng):
        kind = self.kinds[int(np.searchsorted(self.shares, rng.random(), side="right").clip(0, 3))]
        if kind == "given":
            return self.given[int(rng.integers(len(self.given)))]
        length = int(np.searchsorted(self.lengths, rng.random(), side="right")) + 1
        length = min(length, len(self.lengths))
        if kind == "english" and self.english[length - 1]:
            words = self.english[length - 1]
            # Frequent words come first in the list. The square draws them more often.
            return words[int(len(words) * rng.random() ** 2)]
        letters = self.digits if kind == "number" else self.alphabet
        return "".join(letters[int(i)] for i in rng.integers(len(letters), size=length))
