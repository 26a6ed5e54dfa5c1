"""Decodes the columns of a CTC network: best path and prefix beam search, in NumPy for every backend.

Class 0 is the blank, as in `keras.losses.CTC`.
"""

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
    """Returns the most probable sequence of class ids, summed over its paths, and its probability.

    Prefix beam search keeps two probabilities for each prefix: of its paths that end in a blank, and of those
    that end in its last class. The result is exact if the beam is as wide as the number of prefixes.

    Reference: Hannun, Maas, Jurafsky, Ng, 2014, arXiv 1408.2873, without a language model.

    Args:
        log_probs: float array (columns, classes).
        beam_width: number of prefixes kept after each column, a positive integer.

    Returns:
        A tuple of ids and a float in [0, 1].
    """
    never = -np.inf
    # log_probs (columns, classes) -> per column, each prefix is kept or extended by every class -> the best
    # `beam_width`. beam: from prefix to [log P(ends in blank), log P(ends in its last class)].
    beam = {(): [0.0, never]}
    for column in log_probs:
        grown = {}
        for prefix, (blank, last) in beam.items():
            total = np.logaddexp(blank, last)
            kept = grown.setdefault(prefix, [never, never])
            kept[0] = np.logaddexp(kept[0], total + column[BLANK])
            if prefix:
                kept[1] = np.logaddexp(kept[1], last + column[prefix[-1]])
            for index in range(1, len(column)):
                # A class can follow itself only after a blank.
                before = blank if prefix and prefix[-1] == index else total
                if before == never:
                    continue
                longer = grown.setdefault((*prefix, index), [never, never])
                longer[1] = np.logaddexp(longer[1], before + column[index])
        order = sorted(grown, key=lambda prefix: -np.logaddexp(*grown[prefix]))
        beam = {prefix: grown[prefix] for prefix in order[:beam_width]}
    best = next(iter(beam))
    return best, float(np.exp(min(np.logaddexp(*beam[best]), 0.0)))
