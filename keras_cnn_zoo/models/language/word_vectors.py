"""Pretrained word vectors from the text files of word2vec and GloVe."""

import numpy as np

from keras_cnn_zoo.utils.errors import InputError


def read_word_vectors(path, words):
    """Reads the vectors of some words from a text file: per line a word and its numbers, space-separated.

    Reads GloVe's files, and those of word2vec with `-binary 0`, whose first line has the number of words and
    the size. Nothing is unpickled, and only the requested vectors are kept.

    Args:
        path: the file, in UTF-8.
        words: the words to read, such as a vocabulary.

    Returns:
        A dict from word to float32 array, for `TextCNN.set_word_vectors`.

    Raises:
        InputError: if the file cannot be read, or a line has another number of fields.
    """
    wanted, size, found = set(words), None, {}
    try:
        with open(path, encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                fields = line.rstrip().split(" ")
                if number == 1 and len(fields) == 2 and all(field.isdigit() for field in fields):
                    size = int(fields[1])
                    continue
                size = len(fields) - 1 if size is None else size
                # GloVe's largest file has words that contain spaces.
                word = " ".join(fields[: len(fields) - size])
                if size < 1 or not word:
                    raise InputError(
                        f"{path} line {number}: expected a word and {max(size, 1)} numbers. "
                        f"Received: {len(fields)} fields"
                    )
                if word in wanted and word not in found:
                    found[word] = _numbers(path, number, fields[-size:])
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a text file of word vectors in UTF-8") from error
    if size is None:
        raise InputError(f"{path} has no word vectors")
    return found


def _numbers(path, number, fields):
    try:
        vector = np.array(fields, dtype="float32")
    except ValueError as error:
        raise InputError(f"{path} line {number}: {error}") from error
    if not np.isfinite(vector).all():
        raise InputError(f"{path} line {number} must have finite numbers. Received: NaN or infinity")
    return vector
