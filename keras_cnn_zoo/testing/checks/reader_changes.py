"""The guarantees of a reader for data that change: an added file, and split folders in capitals."""

import os
import shutil

from keras_cnn_zoo.data.source import SPLIT_NAMES
from keras_cnn_zoo.data.split_words import split_of
from keras_cnn_zoo.testing.equality import difference
from keras_cnn_zoo.testing.guarantees import Broken
from keras_cnn_zoo.utils.errors import InputError

MOST_EXAMPLES = 8
"""How many examples of each split are read again."""


def require_added_file_seen(case):
    """Raises `Broken` if an added file is dropped without a report, or changes what other examples are.

    The file is a copy of the first example's, next to it. Data whose examples are not files are not checked.
    """
    task = case.all_tasks()[0]
    with case.written() as path:
        before = case.load(path, task)
        file = example_file(path, before)
        if file is None or not os.path.isdir(path):
            return
        stem, suffix = os.path.splitext(file)
        added = f"{stem}_added{suffix}"
        shutil.copy(file, added)
        name = os.path.basename(added)
        try:
            after = case.load(path, task)
        except InputError as error:
            if os.path.splitext(name)[0] not in str(error):
                what = f"the error for the added file {name} does not name it: {error}"
                raise Broken(what, "name the file in the message") from error
            return
        for split_name in SPLIT_NAMES:
            _require_unmoved(name, split_name, before, after)
        told = [(*source.notes, *source.skipped) for source in (before, after)]
        if _count(after) == _count(before) and told[0] == told[1]:
            what = f"the added file {name} is no example, and no line of `notes` or `skipped` reports it"
            raise Broken(what, "add a line to `notes` for files that are left out")


def _require_unmoved(added, split_name, before, after):
    """Raises `Broken` if an example of a split is gone, in another split, or another example."""
    old, new = before.splits[split_name], after.splits[split_name]
    if old.keyed:
        return  # Names are positions, and the content identifies an example.
    # The package draws the missing splits from train: only examples at a boundary move.
    drawn = {"train", *before.drawn} if before.drawn and split_name in ("train", *before.drawn) else ()
    held = {name for one in drawn or (split_name,) for name in after.splits[one].names}
    lost = [name for name in old.names if name not in held]
    if lost:
        what = f"adding {added} moves {lost[0]!r} out of {split_name}"
        raise Broken(what, 'decide a split from the example alone, or return all examples as the split "all"')
    places = {name: position for position, name in enumerate(new.names)}
    for position, name in enumerate(old.names[:MOST_EXAMPLES]):
        differs = name in places and difference(new[places[name]], old[position], place=repr(name))
        if differs:
            what = f"adding {added} gives the name of one example to another: {differs}"
            raise Broken(what, "name examples after their files, or give `Split` their contents as `keys`")


def require_any_case(case):
    """Raises `Broken` if a folder or file "TRAIN" is not read like "train". Refusing it is allowed."""
    task = case.all_tasks()[0]
    with case.written() as path:
        before = case.load(path, task)
        if not _capitalize_splits(path):
            return
        try:
            after = case.load(path, task)
        except InputError:
            return
        advice = "compare names without their case, as `data.split_words.split_of` does"
        for name in SPLIT_NAMES:
            counts = len(before.splits[name]), len(after.splits[name])
            if counts[0] != counts[1]:
                what = f"with split names in capitals, {name} has {counts[1]} examples instead of {counts[0]}"
                raise Broken(what, advice)
        if tuple(after.class_names) != tuple(before.class_names):
            what = f"with split names in capitals, the classes are {after.class_names}"
            raise Broken(what, advice)


def _capitalize_splits(path):
    """Renames the folders and files below `path` that are called like splits; returns how many there are."""
    count = 0
    for parent, folders, files in os.walk(path, topdown=False):
        for name in (*folders, *files):
            stem, suffix = os.path.splitext(name)
            if split_of(stem) is not None and stem != stem.upper():
                os.rename(os.path.join(parent, name), os.path.join(parent, stem.upper() + suffix))
                count += 1
    return count


def example_file(path, source):
    """Returns the path of the file of the first example, or None if its name is not that of a file."""
    name = next(split.names[0] for split in source.splits.values() if len(split))
    file = os.path.join(path, name) if os.path.isdir(path) else path
    return file if os.path.isfile(file) else None


def _count(source):
    return sum(map(len, source.splits.values()))
