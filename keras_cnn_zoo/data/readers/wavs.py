"""`wavs:PATH`: class folders of recordings, or files called `LABEL_*.wav`, with or without lists of splits.

Recordings are WAV, FLAC, OGG, and MP3 files. Speech Commands is read as it is: `validation_list.txt` and
`testing_list.txt` are lists, and `_background_noise_` is not a word.
"""

import collections
import os
import posixpath
import re

from keras_cnn_zoo.data.files import sounds
from keras_cnn_zoo.data.files.text import filled_lines, find_class_names
from keras_cnn_zoo.data.left_out import left_out
from keras_cnn_zoo.data.readers.class_order import class_order
from keras_cnn_zoo.data.readers.folders import picture_files, visible_files
from keras_cnn_zoo.data.readers.split_layout import check_no_hidden_splits, read_inside, split_folders
from keras_cnn_zoo.data.readers.texts import is_document
from keras_cnn_zoo.data.split_words import by_split
from keras_cnn_zoo.data.splits import UNSPLIT
from keras_cnn_zoo.data.survey import survey
from keras_cnn_zoo.utils.errors import InputError

TASKS = ("speech",)
BACKGROUND = "_background_noise_"


def read(path, options):
    """Finds the recordings below the folder `path` and reads each of them once."""
    return read_inside(path, options, lambda folder: split_folders(folder) or _lists(folder), _read)


def _read(path, options):
    given = find_class_names(path, options)
    files, notes = _recordings(path, given or ())
    splits, skipped, more = _splits(path, files, options)
    notes += more
    labels = _labels(path, splits, given, notes)
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


def _recordings(path, class_names):
    """Returns the paths of all recordings relative to `path`, and a list of lines about other files."""
    files, others, unnamed = [], [], []
    for file in picture_files(path, accept=lambda name: True):
        if sounds.is_sound(posixpath.basename(file)):
            files.append(file)
        elif not os.path.splitext(file)[1] and sounds.is_sound_file(os.path.join(path, file)):
            unnamed.append(file)
        elif not is_document(file):
            others.append(file)
    files = sorted(files + unnamed)
    suffixes = collections.Counter(os.path.splitext(file)[1].lower() or "no extension" for file in others)
    if not files and others:
        held = ", ".join(f"{suffix} ({count})" for suffix, count in sorted(suffixes.items()))
        raise InputError(f"{path} must have WAV, FLAC, OGG, or MP3 files. Received only: {held}")
    notes = []
    if unnamed:
        notes.append(f"files without an extension that are recordings: {len(unnamed)}, such as {unnamed[0]}")
    notes += left_out(others, "file", f"of another format ({', '.join(sorted(suffixes))})")
    lost = {posixpath.dirname(file) for file in others} - {posixpath.dirname(file) for file in files} - {""}
    if lost:
        notes.append(f"no recording that can be read is in {', '.join(sorted(lost))}")
    if BACKGROUND not in class_names:
        noise = {file for file in files if BACKGROUND in file.casefold().split("/")[:-1]}
        if noise:
            notes += left_out(sorted(noise), "recording", f"of {BACKGROUND}, which is not a word")
            files = [file for file in files if file not in noise]
    return files, notes


def _lists(path):
    """Returns a dict from split to the path of its list, such as `train.txt` or `validation_list.txt`."""
    found = {}
    for name in visible_files(path):
        stem, suffix = os.path.splitext(name)
        if suffix.lower() == ".txt":
            found[re.sub(r"(?i)[ _-]?(file)?s?[ _-]?list$", "", stem)] = os.path.join(path, name)
    return {split: found[stem] for split, stem in by_split(found, path).items()}


def _splits(path, files, options):
    """Returns the paths of each split relative to `path`, lines about missing files, and notes."""
    folders, lists = split_folders(path), _lists(path)
    if lists and folders:
        folder, first = next(iter(folders.values())), os.path.basename(next(iter(lists.values())))
        raise InputError(
            f"{path} must have either split folders or lists of splits. Received: {folder} and {first}"
        )
    if lists:
        return _listed(path, lists, files, options)
    if not folders:
        check_no_hidden_splits(path, map(posixpath.dirname, files))
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
    """Returns the same for the splits that lists name."""
    known, used, splits, skipped = set(files), {}, {}, []
    for name, file in lists.items():
        splits[name] = []
        for number, line in filled_lines(file, options.encoding):
            where, entry = f"{file} line {number}", posixpath.normpath(line.strip())
            if entry not in known:
                entry = entry.replace("\\", "/")
            if entry in used:
                raise InputError(f"{where}: {entry!r} is already in {used[entry]}")
            used[entry] = where
            if entry in known:
                splits[name].append(entry)
                continue
            problem = (
                f"{where} must name a WAV file below {path}, or one of FLAC, OGG, or MP3. "
                f"Received: {line.strip()!r}"
            )
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
