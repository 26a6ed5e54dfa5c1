"""Draws missing splits so that a small change of the data moves few examples.

The examples of each class are ranked by a hash of (seed, key). The first are test, the next val, the rest
train:

    rank     0 .. t-1    t .. t+v-1    t+v ..
    split    test        val           train

An added or removed example shifts the ranks after it by one. Hence it moves at most the examples at the two
boundaries, in its own class. Examples of equal content have the same key and stay together.
"""

import collections
import hashlib

import numpy as np

from keras_cnn_zoo.data.source import SPLIT_NAMES

VAL_SHARE = 0.1
TEST_SHARE = 0.2
# A class with fewer examples cannot have one in each split.
FEWEST = 3


def draw(split, names, seed, *, of_all=False):
    """Returns the positions that are drawn for each split, and the classes that are too small.

    Args:
        split: The `Split` to draw from.
        names: The splits to draw, "test" before "val". The rest is train.
        seed: Integer that decides the draw.
        of_all: Whether val gets as many as test, instead of a tenth of what remains.

    Returns:
        A dict from split name to sorted positions, and a dict from class (None for data without one class
        per example) to the number of its examples. If it has all classes, they are one group; else those in
        it are all train.
    """
    parts = {name: [] for name in SPLIT_NAMES if name in (*names, "train")}
    small, ranked = {}, _units(split, seed, split.labels)
    if split.labels is not None and all(len(units) < FEWEST for units in ranked.values()):
        # No class could give an example to each split: they are one group.
        small = {label: sum(map(len, units)) for label, units in ranked.items()}
        ranked = _units(split, seed, None)
    for label, units in ranked.items():
        # A single group needs one example for each split.
        if len(units) < (FEWEST if label is not None else len(names) + 1):
            small[label] = sum(map(len, units))
            parts["train"].extend(position for unit in units for position in unit)
            continue
        total = sum(map(len, units))
        for left, name in zip(range(len(names), 0, -1), names, strict=True):
            remaining = sum(map(len, units))
            share = TEST_SHARE * total if name == "test" or of_all else VAL_SHARE * remaining
            # One unit at least is left for each split that follows.
            taken = _first(units, max(1, round(share)), most=len(units) - left)
            parts[name].extend(position for unit in taken for position in unit)
            kept = {unit[0] for unit in taken}
            units = [unit for unit in units if unit[0] not in kept]
        parts["train"].extend(position for unit in units for position in unit)
    return {name: np.sort(np.array(part, dtype="int64")) for name, part in parts.items()}, small


def _units(split, seed, labels):
    """Returns a dict from class to its units in the order of their ranks.

    A unit is a list of the positions of one key. If equal content has several classes, the unit belongs to
    the most frequent one.
    """
    of_key = collections.defaultdict(list)
    for position in range(len(split)):
        of_key[split.key(position)].append(position)
    ranked = collections.defaultdict(list)
    for key, unit in of_key.items():
        label = None
        if labels is not None:
            counts = collections.Counter(int(labels[position]) for position in unit)
            label = min(counts, key=lambda one: (-counts[one], one))
        text = f"{seed}\n{key}".encode("utf-8", "surrogatepass")
        ranked[label].append((hashlib.sha256(text).digest(), unit))
    labels = sorted(ranked, key=lambda label: -1 if label is None else label)
    return {label: [unit for _, unit in sorted(ranked[label])] for label in labels}


def _first(units, count, most):
    """Returns the first units that have together about `count` examples: one or more, at most `most`.

    A unit of more than `count` equal examples would fill the split with them: it is passed over if possible.
    """
    largest = max(count, min(map(len, units)))
    taken, size = [], 0
    for unit in units:
        if len(unit) > largest:
            continue
        if taken and (len(taken) == most or abs(size + len(unit) - count) >= abs(size - count)):
            break
        taken.append(unit)
        size += len(unit)
    return taken


def draw_as_before(split, names, seed, *, of_all=False):
    """Returns the positions that version 0.1 drew, for its runs and presets alone.

    Args:
        split: As in `draw`.
        names: As in `draw`.
        seed: As in `draw`.
        of_all: As in `draw`.
    """
    parts, rest = {}, np.arange(len(split))
    if of_all:
        order = np.random.default_rng(seed).permutation(len(split))
        count = max(1, round(TEST_SHARE * len(split)))
        parts = {"test": order[:count], "val": order[count : 2 * count], "train": order[2 * count :]}
        return {name: np.sort(parts[name]) for name in SPLIT_NAMES}
    for name in names:
        count = max(1, round((TEST_SHARE if name == "test" else VAL_SHARE) * len(rest)))
        order = np.random.default_rng(seed).permutation(len(rest))
        parts[name], rest = rest[np.sort(order[:count])], rest[np.sort(order[count:])]
    return {name: parts.get(name, rest) for name in SPLIT_NAMES if name in (*names, "train")}
