"""`wavs:PATH`: class folders of WAV files, or files called `LABEL_*.wav`, with or without lists of splits."""

import os
import posixpath

from keras_cnn_zoo.data.files import sounds
from keras_cnn_zoo.data.files.text import filled_lines, find_class_names
from keras_cnn_zoo.data.readers.class_order import class_order
from keras_cnn_zoo.data.readers.folders import check_folder, picture_files, split_files, split_folders
from keras_cnn_zoo.data.splits import UNSPLIT
from keras_cnn_zoo.data.survey import survey
from keras_cnn_zoo.utils.errors import InputError

TASKS = ("speech",)


def read(path, options):
    """Finds the recordings below the folder `path` and reads each of them once."""
    check_folder(path)
    splits, skipped, notes = _files(path, options)
    labels = _labels(path, splits, find_class_names(path, options), notes)
    class_names, index, more = class_order(
        path,
        sorted(set(labels.values())),
        options,
        noun="recordings",
        place="label",
        order="sorted order of the labels",
    )
    items = {name: [(file, index[labels[file]]) for file in files] for name, files in splits.items()}

    def look(item):
        sounds.decode(os.path.join(path, item[0]))

    def example(item):
        audio, rate = sounds.decode(os.path.join(path, item[0]))
        return {"audio": audio, "sample_rate": rate, "label": item[1]}

    return survey(items, look, skip_bad=options.skip_bad).found(
        example, class_names, label=lambda item: item[1], notes=(*notes, *more), skipped=skipped
    )


def _files(path, options):
    """Returns the paths of each split relative to `path`, lines about missing files, and notes."""
    files = picture_files(path, accept=sounds.is_sound)
    folders = split_folders(path)
    lists = split_files(path, ".txt")
    if lists and folders:
        folder, first = next(iter(folders.values())), os.path.basename(next(iter(lists.values())))
        raise InputError(
            f"{path} must have either split folders or lists of splits. Received: {folder} and {first}"
        )
    if lists:
        return _listed(path, lists, files, options)
    if not folders:
        return {UNSPLIT: files}, [], []
    bases = {name: f"{folder}/" for name, folder in folders.items()}
    stray = [file for file in files if not file.startswith(tuple(bases.values()))]
    if stray:
        raise InputError(
            f"{path} must not mix split folders ({', '.join(folders.values())}) with other recordings. "
            f"Received: {stray[0]}"
        )
    return {name: [file for file in files if file.startswith(base)] for name, base in bases.items()}, [], []


def _listed(path, lists, files, options):
    """Returns the same for the splits that `train.txt`, `val.txt`, and `test.txt` list."""
    known, used, splits, skipped = set(files), {}, {}, []
    for name, file in lists.items():
        splits[name] = []
        for number, line in filled_lines(file, options.encoding):
            where, entry = f"{file} line {number}", posixpath.normpath(line.strip())
            if entry in used:
                raise InputError(f"{where}: {entry!r} is already in {used[entry]}")
            used[entry] = where
            if entry in known:
                splits[name].append(entry)
                continue
            problem = f"{where} must name a WAV file below {path}. Received: {line.strip()!r}"
            if not options.skip_bad:
                raise InputError(problem)
            skipped.append(f"{entry}: {problem}")
    rest, notes = [file for file in files if file not in used], []
    if rest and "train" not in splits:
        splits["train"] = rest
        notes.append(f"the {len(rest)} recordings that are in no list are train")
    elif rest:
        notes.append(f"{len(rest)} recordings are in no list and are left out")
    return splits, skipped, notes


def _labels(path, splits, given, notes):
    """Returns a dict from file to label: its folder, or its name before the first `_`.

    Two or more folders are labels, unless the class names match the file names.
    """
    folders, prefixes, bases = {}, {}, split_folders(path)
    for name, files in splits.items():
        for file in files:
            below = file.removeprefix(f"{bases[name]}/") if name in bases else file
            folder, base = posixpath.split(below)
            folders[file] = folder
            prefix, underscore, _ = base.partition("_")
            if prefix and underscore:
                prefixes[file] = prefix
    by_name = len(prefixes) == len(folders)
    by_folder = "" not in folders.values()
    if given is not None:
        if by_folder and set(folders.values()) <= set(given):
            return folders
        if by_name and set(prefixes.values()) <= set(given):
            return prefixes
    several = len(set(folders.values())) > 1
    if by_folder and (several or not by_name):
        if by_name:
            notes.append(
                "classes are the folders, not the file names before the first _: "
                "to use those, list them in `class_names`"
            )
        return folders
    if not by_name:
        outside = next(file for file in folders if not folders[file])
        other = next(file for file in folders if file not in prefixes)
        and_other = "" if outside == other else f" {os.path.join(path, other)}"
        raise InputError(
            f"{os.path.join(path, outside)} is not in a class folder and{and_other} is not called LABEL_*.wav"
        )
    return prefixes
