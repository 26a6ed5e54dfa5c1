"""Decodes the columns of a CTC network: the best path, in NumPy for every backend, and beam search by Keras.

Class 0 is the blank, as in `keras.losses.CTC`.
"""

import keras
import numpy as np

BLANK = 0


def log_probabilities(logits):
    """Returns the log-softmax over the last axis, float64."""
    logits = np.asarray(logits, dtype="float64")
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def best_path(log_probs):
    """Returns the class ids of the most probable path, without repeats and blanks, and its probability.

    Args:
        log_probs: float array (columns, classes).

    Returns:
        A tuple of ids and a float in (0, 1].
    """
    path = log_probs.argmax(axis=-1)
    fresh = np.concatenate([[True], path[1:] != path[:-1]])
    ids = path[fresh & (path != BLANK)]
    return tuple(int(index) for index in ids), float(np.exp(log_probs.max(axis=-1).sum()))


def beam_search(log_probs, beam_width):
    """Returns the most probable sequence of class ids of each example, summed over its paths.

    Prefix beam search of `keras.ops.ctc_decode`, in float32. The result is exact if the beam is as wide as
    the number of prefixes. On JAX, it is compiled anew in every call, which takes seconds.

    Args:
        log_probs: float array (batch, columns, classes).
        beam_width: number of prefixes kept after each column, a positive integer.

    Returns:
        A list of pairs of a tuple of ids and a float in [0, 1], its probability.
    """
    log_probs = np.asarray(log_probs, dtype="float32")
    if not len(log_probs):
        return []
    ids, scores = keras.ops.ctc_decode(
        log_probs,
        np.full(len(log_probs), log_probs.shape[1], dtype="int32"),
        strategy="beam_search",
        beam_width=beam_width,
        mask_index=BLANK,
    )
    ids, scores = keras.ops.convert_to_numpy(ids)[0], keras.ops.convert_to_numpy(scores).reshape(-1)
    # Rounding may end a little above 1. Rows are padded with -1.
    return [
        (tuple(int(index) for index in row if index >= 0), float(np.exp(min(score, 0.0))))
        for row, score in zip(ids, scores, strict=True)
    ]
