"""Assigns every example to train, val, or test.

Splits of the data are used as they are. A missing test is 20 % of train, and a missing val is 10 % of
what remains. Data without splits is drawn 60/20/20. Every draw is reported.
"""

from keras_cnn_zoo.data import draws
from keras_cnn_zoo.data.left_out import first_few
from keras_cnn_zoo.data.recorded_splits import apply_split_file
from keras_cnn_zoo.data.source import SPLIT_NAMES, Split
from keras_cnn_zoo.utils.errors import InputError

__all__ = ["UNSPLIT", "apply_split_file", "check_not_empty", "complete_splits", "missing_splits"]

UNSPLIT = "all"


def missing_splits(splits):
    """Returns the names of the splits that must be drawn, "test" before "val"."""
    if UNSPLIT not in splits and "train" not in splits:
        return ()
    return tuple(name for name in ("test", "val") if name not in splits)


def complete_splits(splits, source_name, seed, *, skipped=(), class_names=(), old_draw=False):
    """Draws the splits that the data does not have.

    Args:
        splits: Dict from split name, or `UNSPLIT` alone, to `Split`.
        source_name: Name of the data, for messages.
        seed: Integer that decides the draw.
        skipped: Lines about examples that were left out, to explain an empty split.
        class_names: Names of the classes, for the report.
        old_draw: Whether to draw as version 0.1 did, for its runs and presets.

    Returns:
        A dict with train, val, test, and a list of lines to report.
    """
    for name, split in splits.items():
        check_not_empty(source_name, name, split, skipped=skipped)
    names = missing_splits(splits)
    if not names:
        if "train" in splits:
            return {name: splits[name] for name in SPLIT_NAMES}, []
        given = " and ".join(name for name in SPLIT_NAMES if name in splits)
        note = f"the data has only {given}: use it for evaluation, not for training"
        return {name: splits.get(name, Split.empty()) for name in SPLIT_NAMES}, [note]
    unsplit = UNSPLIT in splits
    pool = splits[UNSPLIT if unsplit else "train"]
    if unsplit and len(pool) < draws.FEWEST:
        raise InputError(
            f"{source_name} needs {draws.FEWEST} examples or more to draw splits from. Received: {len(pool)}"
        )
    small = {}
    if old_draw:
        parts = draws.draw_as_before(pool, names, seed, of_all=unsplit)
    else:
        parts, small = draws.draw(pool, names, seed, of_all=unsplit)
    for name in (*names, "train"):
        if not len(parts[name]):
            raise InputError(_too_few(source_name, name, pool))
    done = {**splits, **{name: pool.select(part) for name, part in parts.items()}}
    return {name: done[name] for name in SPLIT_NAMES}, [
        *_small_note(small, pool, class_names),
        *_notes(names, parts, len(pool), seed, unsplit),
    ]


def check_not_empty(source_name, split_name, examples, *, skipped=()):
    """Raises an `InputError` if a split of the data has no examples."""
    if not len(examples):
        what = "has no examples" if split_name == UNSPLIT else f"has an empty {split_name} split"
        raise InputError(f"{source_name} {what}" + (f" after leaving out {skipped[0]}" if skipped else ""))


def _notes(names, parts, total, seed, unsplit):
    if unsplit:
        sizes = " / ".join(str(len(parts[name])) for name in SPLIT_NAMES)
        return [f"no splits in the data: drew train / val / test = {sizes} of {total} (seed {seed})"]
    notes = []
    for name in names:
        drawn = len(parts[name])
        notes.append(f"no {name} split: drew {drawn} of the {total} train examples (seed {seed})")
        total -= drawn
    return notes


def _small_note(small, pool, class_names):
    labeled = [label for label in small if label is not None]
    if not labeled:
        return []
    names = [class_names[label] if label < len(class_names) else str(label) for label in labeled]
    shown = first_few([f"{name} ({small[label]})" for name, label in zip(names, labeled, strict=True)], 10)
    if len(labeled) == len(set(pool.labels.tolist())):
        return [
            f"no class has {draws.FEWEST} different examples: splits are drawn from all together ({shown})"
        ]
    return [
        f"{len(labeled)} class{'es' if len(labeled) > 1 else ''} with fewer than {draws.FEWEST} different "
        f"examples: all in train ({shown})"
    ]


def _too_few(source_name, name, pool):
    different = len({pool.key(position) for position in range(len(pool))})
    seen = f"{len(pool)}" + (f", of which {different} are different" if different < len(pool) else "")
    return f"{source_name} has too few train examples to draw {name} from. Received: {seen}"
