"""Assigns every example to train, val, or test.

Splits of the data are used as they are. A missing val is a seeded 10 % of train, and a missing test a seeded
20 % of it. Data without splits is drawn 60/20/20. Every draw is reported.
"""

import numpy as np

from keras_cnn_zoo.data.files.text import filled_lines
from keras_cnn_zoo.data.source import SPLIT_NAMES, Split
from keras_cnn_zoo.utils.errors import InputError

UNSPLIT = "all"
VAL_SHARE = 0.1
TEST_SHARE = 0.2


def complete_splits(splits, source_name, seed, *, skipped=()):
    """Draws the splits that the data does not have.

    Args:
        splits: Dict from split name, or `UNSPLIT` alone, to `Split`.
        source_name: Name of the data, for messages.
        seed: Integer that decides the draw.
        skipped: Lines about examples that were left out, to explain an empty split.

    Returns:
        A dict with train, val, test, and a list of lines to report.
    """
    for name, split in splits.items():
        check_not_empty(source_name, name, split, skipped=skipped)
    if UNSPLIT in splits:
        return _draw_three(splits[UNSPLIT], source_name, seed)
    if "train" not in splits:
        given = " and ".join(name for name in SPLIT_NAMES if name in splits)
        note = f"the data has only {given}: use it for evaluation, not for training"
        return {name: splits.get(name, Split.empty()) for name in SPLIT_NAMES}, [note]
    done, notes = dict(splits), []
    for name, share in (("test", TEST_SHARE), ("val", VAL_SHARE)):
        if name not in done:
            before = len(done["train"])
            done[name], done["train"] = _draw(done["train"], share, name, source_name, seed)
            notes.append(
                f"no {name} split: drew {len(done[name])} of the {before} train examples (seed {seed})"
            )
    return {name: done[name] for name in SPLIT_NAMES}, notes


def check_not_empty(source_name, split_name, examples, *, skipped=()):
    """Raises an `InputError` if a split of the data has no examples."""
    if not len(examples):
        what = "has no examples" if split_name == UNSPLIT else f"has an empty {split_name} split"
        raise InputError(f"{source_name} {what}" + (f" after leaving out {skipped[0]}" if skipped else ""))


def apply_split_file(splits, path, source_name, encoding):
    """Splits all examples again by a file of lines `split<TAB>name`.

    Args:
        splits: Dict of `Split`, as read from the data.
        path: Path of the split file.
        source_name: Name of the data, for messages.
        encoding: Encoding of the split file.

    Returns:
        A dict with the splits that the file names, and a list of lines to report.
    """
    everything = Split.concatenate(splits.values())
    positions = {name: position for position, name in enumerate(everything.names)}
    chosen, lines_of = {}, {}
    for number, line in filled_lines(path, encoding):
        split_name, tab, name = line.partition("\t")
        where = f"{path} line {number}"
        if not tab:
            raise InputError(f"{where} must be `split<TAB>path`. Received: {line!r}")
        if split_name not in SPLIT_NAMES:
            known = ", ".join(SPLIT_NAMES)
            raise InputError(f"{where}: split must be one of {known}. Received: {split_name!r}")
        if name not in positions:
            raise InputError(f"{where}: no such example in {source_name}. Received: {name!r}")
        if name in lines_of:
            raise InputError(f"{where}: {name!r} is already in line {lines_of[name]}")
        lines_of[name] = number
        chosen.setdefault(split_name, []).append(positions[name])
    if not chosen:
        raise InputError(f"{path} names no example")
    left_out = len(everything) - len(lines_of)
    notes = [f"splits from {path}"]
    if left_out:
        notes.append(f"{left_out} examples are not in {path} and are left out")
    return {name: everything.select(chosen[name]) for name in SPLIT_NAMES if name in chosen}, notes


def _draw(split, share, name, source_name, seed):
    """Returns a seeded share of `split` and the rest, both in the order of the data."""
    count = max(1, round(share * len(split)))
    if count >= len(split):
        raise InputError(
            f"{source_name} has too few train examples to draw {name} from. Received: {len(split)}"
        )
    order = np.random.default_rng(seed).permutation(len(split))
    return split.select(np.sort(order[:count])), split.select(np.sort(order[count:]))


def _draw_three(split, source_name, seed):
    total = len(split)
    count = max(1, round(TEST_SHARE * total))
    if total < 3:
        raise InputError(f"{source_name} needs 3 examples or more to draw splits from. Received: {total}")
    order = np.random.default_rng(seed).permutation(total)
    parts = {"test": order[:count], "val": order[count : 2 * count], "train": order[2 * count :]}
    drawn = {name: split.select(np.sort(parts[name])) for name in SPLIT_NAMES}
    sizes = " / ".join(str(len(drawn[name])) for name in SPLIT_NAMES)
    return drawn, [f"no splits in the data: drew train / val / test = {sizes} of {total} (seed {seed})"]
