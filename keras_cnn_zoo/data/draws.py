"""Draws missing splits so that a small change of the data moves few examples.

The examples of each class are ranked by a hash of (seed, key). The first are test, the next val, the rest
train:

    rank     0 .. t-1    t .. t+v-1    t+v ..
    split    test        val           train

An added or removed example shifts the ranks after it by one. Hence it moves at most the examples at the
boundaries. Examples of equal content have the same key and stay together.
"""

import collections
import fractions
import hashlib

import numpy as np

from keras_cnn_zoo.data.source import SPLIT_NAMES

# Exact, so that remainders of classes of equal size are equal.
VAL_SHARE = fractions.Fraction(1, 10)
TEST_SHARE = fractions.Fraction(1, 5)
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
    ranked = _units(split, seed, split.labels)
    if split.labels is not None and all(len(units) < FEWEST for units in ranked.values()):
        # No class could give an example to each split: they are one group.
        small = {label: _size(units) for label, units in ranked.items()}
        ranked = _units(split, seed, None)
    else:
        small = {label: _size(units) for label, units in ranked.items() if len(units) < FEWEST}
        if None in small and len(ranked[None]) > len(names):
            # A single group needs only one example for each split.
            small = {}
    rest = {label: units for label, units in ranked.items() if label not in small}
    sizes = {label: _size(units) for label, units in rest.items()}
    taken = {}
    for left, name in zip(range(len(names), 0, -1), names, strict=True):
        if name == "val" and not of_all:
            sizes = {label: _size(units) for label, units in rest.items()}
        counts = _shares(sizes, TEST_SHARE if name == "test" or of_all else VAL_SHARE)
        taken[name] = []
        for label, units in rest.items():
            # One unit at least is left for each split that follows.
            first = _first(units, counts[label], most=len(units) - left)
            taken[name].extend(first)
            kept = {unit[0] for unit in first}
            rest[label] = [unit for unit in units if unit[0] not in kept]
    parts = {name: sorted(position for unit in units for position in unit) for name, units in taken.items()}
    drawn = {position for part in parts.values() for position in part}
    parts["train"] = [position for position in range(len(split)) if position not in drawn]
    return {name: np.array(parts[name], dtype="int64") for name in SPLIT_NAMES if name in parts}, small


def _size(units):
    return sum(map(len, units))


def _shares(sizes, share):
    """Returns how many examples each class gives to a split: a share of all, at least one.

    Each class gives the whole part of its share. What is missing comes from the largest remainders.
    """
    exact = {label: share * size for label, size in sizes.items()}
    counts = {label: int(count) for label, count in exact.items()}
    missing = max(1, round(share * sum(sizes.values()))) - sum(counts.values())
    order = sorted(sizes, key=lambda label: (counts[label] - exact[label], label or 0))
    for label in order[: max(0, missing)]:
        counts[label] += 1
    return counts


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
    """Returns the first units that have together about `count` examples, at most `most` units.

    A unit of more than `count` equal examples would fill the split with them: it is passed over if possible.
    """
    if not count or most < 1:
        return []
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
