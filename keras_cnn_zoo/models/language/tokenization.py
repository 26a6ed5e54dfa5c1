"""Turns text into word ids: cleaning, splitting, and counting."""

import collections
import re
import unicodedata

import numpy as np

from keras_cnn_zoo.utils import scripts

PADDING = 0
UNKNOWN = 1
# Id of the first word of the vocabulary.
FIRST_WORD = 2

_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'"})
_DROPPED = re.compile(r"[^\w(),!?'`]|_")
_DROPPED_BUT_MARKS = re.compile(rf"[^\w(),!?'`{scripts.MARKS}]|_")
_ENDINGS = re.compile(r"n't|'(?:s|ve|re|d|ll)")
_MARKS = re.compile(r"[(),!?]")


def tokenize(text, *, character_tokens=True):
    """Returns the words of a text, cleaned like in Kim's program for the paper: lowercase, fewer marks.

    Letters, digits, apostrophes, backquotes, and the marks ( ) , ! ? are kept. Everything else becomes a
    space. Each mark is a separate word, and so are the endings n't, 's, 've, 're, 'd, and 'll. Unlike Kim's
    program, it keeps the letters of all scripts, not only ASCII.

    Args:
        text: a string.
        character_tokens: whether each character of a script without spaces between words (Chinese, Japanese,
            Thai, Lao, Khmer, Burmese) is a word, together with its marks. Without it, a whole sentence would
            be one word.

    Returns:
        A list of strings, which may be empty.

    >>> from keras_cnn_zoo.models import language
    >>> language.tokenize("It isn't bad -- it's GREAT!")
    ['it', 'is', "n't", 'bad', 'it', "'s", 'great', '!']
    >>> language.tokenize("Keras 很好。")
    ['keras', '很', '好']
    """
    text = unicodedata.normalize("NFC", text).translate(_QUOTES).lower()
    if character_tokens:
        text = scripts.UNSPACED.sub(r" \g<0> ", text)
    dropped = _DROPPED_BUT_MARKS if character_tokens else _DROPPED
    text = _ENDINGS.sub(r" \g<0>", dropped.sub(" ", text))
    return _MARKS.sub(r" \g<0> ", text).split()


def build_vocabulary(texts, *, size=30_000, min_count=1, character_tokens=True):
    """Returns the most frequent words of texts, most frequent first, ties in alphabetical order.

    Args:
        texts: iterable of strings.
        size: largest number of words. Defaults to 30,000.
        min_count: number of times that a word must occur. Defaults to 1.
        character_tokens: as in `tokenize`.

    Returns:
        A tuple of strings: the `vocabulary` of `TextCNN`.
    """
    counts = collections.Counter(
        word for text in texts for word in tokenize(text, character_tokens=character_tokens)
    )
    found = sorted((-count, word) for word, count in counts.items() if count >= min_count)
    return tuple(word for _, word in found[:size])


class Words:
    """The ids of a vocabulary: 0 is padding, 1 is any unknown word, then come the words in order.

    Args:
        vocabulary: sequence of distinct words.
        character_tokens: as in `tokenize`.
    """

    def __init__(self, vocabulary, *, character_tokens=True):
        self.numbers = {word: number for number, word in enumerate(vocabulary, start=FIRST_WORD)}
        self.character_tokens = character_tokens

    def tokenize(self, text):
        """Returns the words of a text."""
        return tokenize(text, character_tokens=self.character_tokens)

    def encode(self, texts, length):
        """Returns texts as int32 (texts, length), cut at `length` words and padded at the end.

        A text without words is one unknown word.
        """
        ids = np.full((len(texts), length), PADDING, dtype="int32")
        for row, text in zip(ids, texts, strict=True):
            found = [self.numbers.get(word, UNKNOWN) for word in self.tokenize(text)[:length]] or [UNKNOWN]
            row[: len(found)] = found
        return ids
