"""Turns text into word ids: cleaning, splitting, and counting."""

import collections
import re
import unicodedata

import numpy as np

PADDING = 0
UNKNOWN = 1
# Id of the first word of the vocabulary.
FIRST_WORD = 2

_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'"})
_DROPPED = re.compile(r"[^\w(),!?'`]|_")
_ENDINGS = re.compile(r"n't|'(?:s|ve|re|d|ll)")
_MARKS = re.compile(r"[(),!?]")


def tokenize(text):
    """Returns the words of a text, cleaned like in Kim's program for the paper: lowercase, fewer marks.

    Letters, digits, apostrophes, backquotes, and the marks ( ) , ! ? are kept. Everything else becomes a
    space. Each mark is a separate word, and so are the endings n't, 's, 've, 're, 'd, and 'll. Unlike Kim's
    program, it keeps the letters of all scripts, not only ASCII.

    Args:
        text: a string.

    Returns:
        A list of strings, which may be empty.

    >>> from keras_cnn_zoo.models import language
    >>> language.tokenize("It isn't bad -- it's GREAT!")
    ['it', 'is', "n't", 'bad', 'it', "'s", 'great', '!']
    """
    text = unicodedata.normalize("NFC", text).translate(_QUOTES).lower()
    text = _ENDINGS.sub(r" \g<0>", _DROPPED.sub(" ", text))
    return _MARKS.sub(r" \g<0> ", text).split()


def build_vocabulary(texts, *, size=30_000, min_count=1):
    """Returns the most frequent words of texts, most frequent first, ties in alphabetical order.

    Args:
        texts: iterable of strings.
        size: largest number of words. Defaults to 30,000.
        min_count: number of times that a word must occur. Defaults to 1.

    Returns:
        A tuple of strings: the `vocabulary` of `TextCNN`.
    """
    counts = collections.Counter(word for text in texts for word in tokenize(text))
    found = sorted((-count, word) for word, count in counts.items() if count >= min_count)
    return tuple(word for _, word in found[:size])


class Words:
    """The ids of a vocabulary: 0 is padding, 1 is any unknown word, then come the words in order.

    Args:
        vocabulary: sequence of distinct words.
    """

    def __init__(self, vocabulary):
        self.numbers = {word: number for number, word in enumerate(vocabulary, start=FIRST_WORD)}

    def encode(self, texts, length):
        """Returns texts as int32 (texts, length), cut at `length` words and padded at the end.

        A text without words is one unknown word.
        """
        ids = np.full((len(texts), length), PADDING, dtype="int32")
        for row, text in zip(ids, texts, strict=True):
            found = [self.numbers.get(word, UNKNOWN) for word in tokenize(text)[:length]] or [UNKNOWN]
            row[: len(found)] = found
        return ids
