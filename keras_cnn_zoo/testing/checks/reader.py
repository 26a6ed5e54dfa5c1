"""The guarantees of a reader: the same examples each time, in the form of their task, and clear refusals."""

import collections.abc
import copy
import itertools
import os

import numpy as np

from keras_cnn_zoo.testing.checks import reader_changes
from keras_cnn_zoo.testing.equality import difference
from keras_cnn_zoo.testing.guarantees import Broken, NotRun
from keras_cnn_zoo.utils.errors import InputError

MOST_EXAMPLES = 8
"""How many examples of each split are read: enough to see a mistake, and quick for a large folder."""

FEW_CHANNELS = (1, 3)


def is_image(value):
    """Returns whether a value is a uint8 array (height, width, 1 or 3)."""
    return _is_array(value, "uint8", 3) and value.shape[-1] in FEW_CHANNELS


def _is_array(value, dtypes, rank, last=None):
    if not isinstance(value, np.ndarray) or str(value.dtype) not in dtypes.split():
        return False
    return value.ndim == rank and (last is None or value.shape[-1] == last)


def _is_integer(value):
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _is_frames(value):
    return isinstance(value, collections.abc.Sequence) and len(value) > 0 and is_image(value[0])


IMAGE = ("uint8 (height, width, 1 or 3)", is_image)
LABEL = ("an integer", _is_integer)
TEXT = ("a string", lambda value: isinstance(value, str))

KEYS = {
    "classification": {"image": IMAGE, "label": LABEL},
    "segmentation": {
        "image": IMAGE,
        "mask": ("uint8 or int32 (height, width)", lambda value: _is_array(value, "uint8 int32", 2)),
    },
    "detection": {
        "image": IMAGE,
        "boxes": ("float32 (n, 4)", lambda value: _is_array(value, "float32", 2, last=4)),
        "classes": ("int32 (n,)", lambda value: _is_array(value, "int32", 1)),
        "crowd": ("bool (n,)", lambda value: _is_array(value, "bool", 1)),
    },
    "tracking": {
        "frames": ("a sequence of uint8 (height, width, 1 or 3)", _is_frames),
        "boxes": ("float32 (frames, 4)", lambda value: _is_array(value, "float32", 2, last=4)),
        "name": TEXT,
    },
    "text": {"image": IMAGE, "text": TEXT},
    "speech": {
        "audio": ("float32 (samples,)", lambda value: _is_array(value, "float32", 1)),
        "sample_rate": LABEL,
        "label": LABEL,
    },
    "language": {"text": TEXT, "label": LABEL},
}
"""The keys of an example of each task, with words and a test for each value. See `data.source.Source`."""


def check_examples(case):
    """Checks C3 for readers: keys, dtypes, and shapes of examples, by task."""
    for task, source in _sources(case):
        if task not in KEYS:
            raise NotRun(f"the examples of the task {task!r} are not described here")
        for place, example in _examples(source):
            missing = [key for key in KEYS[task] if key not in example]
            if missing:
                what = f"{place} has {', '.join(example)}, without {', '.join(missing)}"
                raise Broken(what, "return the keys that `data.source.Source` describes")
            for key, (words, fits) in KEYS[task].items():
                if not fits(example[key]):
                    what = f"{place} has {key} {_short(example[key])}, not {words}"
                    raise Broken(what, "convert it in the reader")
            _require_equal_sizes(task, place, example)


def _require_equal_sizes(task, place, example):
    """Raises `Broken` if parts of one example do not fit each other."""
    counts = {}
    if task == "segmentation":
        counts = {key: example[key].shape[:2] for key in ("image", "mask")}
    elif task == "detection":
        counts = {key: len(example[key]) for key in ("boxes", "classes", "crowd")}
    elif task == "tracking":
        counts = {key: len(example[key]) for key in ("frames", "boxes")}
    if len(set(counts.values())) > 1:
        raise Broken(f"{place} has sizes that differ: {counts}", "read the parts of one example together")


def check_classes(case):
    """Checks C1 for readers: class names are unique, in order, and stable; labels are in their range."""
    with case.written() as path:
        for task in case.all_tasks():
            first, second = case.load(path, task), case.load(path, task)
            names = tuple(first.class_names)
            if not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
                raise Broken(f"the class names are not different strings: {names}", "name every class once")
            if tuple(second.class_names) != names:
                what = f"a second load names the classes {second.class_names} instead of {names}"
                raise Broken(what, "sort them, or take their order from a file")
            expected = tuple(case.class_names or _in_order(names))
            if names != expected:
                what = f"the class names are {names} instead of {expected}"
                raise Broken(what, "sort them, or pass class_names=... if the data give another order")
            for place, example in _examples(first):
                _require_labels(task, place, example, first)
            if case.class_names is None:
                _require_every_class(task, first)


def _in_order(names):
    """Returns names sorted, by number if all are numbers."""
    return sorted(names, key=int) if all(name.isdigit() for name in names) else sorted(names)


def _require_labels(task, place, example, source):
    wrong = [one for one in _class_ids(task, example, source) if not 0 <= one < len(source.class_names)]
    if wrong:
        what = f"{place} has the class {wrong[0]} of {len(source.class_names)}"
        raise Broken(what, "number classes from 0 in the order of the class names")


def _class_ids(task, example, source):
    """Returns the classes that an example has, as integers."""
    if task == "segmentation":
        return np.setdiff1d(example["mask"], [source.ignore_label]).tolist()
    if task == "detection":
        return np.asarray(example["classes"]).tolist()
    return [int(example["label"])] if "label" in example else []


def _require_every_class(task, source):
    """Raises `Broken` if a class has no example, such as a folder that is not a class."""
    seen = {
        one
        for split in source.splits.values()
        for example in split
        for one in _class_ids(task, example, source)
    }
    empty = [name for number, name in enumerate(source.class_names) if number not in seen]
    if seen and empty:
        what = (
            f"{len(source.class_names)} classes are named, {len(seen)} have examples: none has {empty[0]!r}"
        )
        raise Broken(what, "name only what is a class, or pass class_names=... if the data name more")


def check_second_load(case):
    """Checks C10 for readers: the same splits and examples each time, disjoint, and read afresh.

    An added file is reported and moves no other example. Split names in capitals are the same splits.
    """
    with case.written() as path:
        for task in case.all_tasks():
            first, second = case.load(path, task), case.load(path, task)
            for name, split in first.splits.items():
                if list(second.splits[name].names) != list(split.names):
                    what = f"a second load gives other {name} examples, or another order"
                    raise Broken(what, "sort the files, and draw splits from the seed")
            _require_disjoint(first.splits)
            again = {place: example for place, example in _examples(second)}
            for place, example in _examples(first):
                differs = difference(again[place], example, place=place)
                if differs:
                    raise Broken(f"a second load gives another example: {differs}", "read from the file only")
            for name, split in first.splits.items():
                _require_fresh(name, split)
    reader_changes.require_added_file_seen(case)
    reader_changes.require_any_case(case)


def _require_disjoint(splits):
    for name, split in splits.items():
        if len(set(split.names)) < len(split.names):
            raise Broken(f"an example is in {name} twice", "give every example one name")
    for (name, one), (other_name, other) in itertools.combinations(splits.items(), 2):
        shared = sorted(set(one.names) & set(other.names))
        if shared:
            raise Broken(f"{shared[0]!r} is in {name} and in {other_name}", "put an example into one split")


def _require_fresh(name, split):
    """Raises `Broken` if an example changes when it is read again, or after its arrays were overwritten."""
    for position in range(min(MOST_EXAMPLES, len(split))):
        place = f"{name}[{position}]"
        first = split[position]
        before = copy.deepcopy(first)
        differs = difference(split[position], before, place=place)
        if differs:
            raise Broken(f"reading an example twice gives two: {differs}", "decode it without random draws")
        for array in _arrays(first):
            if array.flags.writeable:
                array[...] = 0
        differs = difference(split[position], before, place=place)
        if differs:
            what = f"writing into an example changes what is read afterwards: {differs}"
            raise Broken(what, "return new arrays, or read-only ones")


def _arrays(example):
    """Returns the arrays that an example holds itself; frames are decoded when asked for."""
    return [value for value in example.values() if isinstance(value, np.ndarray)]


def check_refusals(case):
    """Checks C11 for readers: an unknown path and a damaged file are refused in one line that names them."""
    task = case.all_tasks()[0]
    with case.written() as path:
        missing = os.path.join(path, "there", "is", "nothing")
        _require_input_error(lambda: case.load(missing, task), "nothing", "an unknown path")
        count = sum(len(split) for split in case.load(path, task).splits.values())
        damaged = os.path.basename(_damage(case, path, task))
        words = f"the damaged file {damaged}"
        _require_input_error(lambda: _read_all(case.load(path, task)), damaged, words)
        if os.path.isfile(path) and case.damage is None:
            return  # Nothing is left when the only file is damaged.
        source = case.load(path, task, skip_bad=True)
        left = _read_all(source)
        if left != count - 1 or len(source.skipped) != 1 or damaged not in source.skipped[0]:
            what = f"with skip_bad {left} of {count} examples are left, and skipped is {source.skipped}"
            raise Broken(what, f'leave {damaged} out, and add one line "name: reason" to `skipped`')


def _damage(case, path, task):
    """Damages one file and returns its name."""
    if case.damage is not None:
        return os.fspath(case.damage(path))
    file = reader_changes.example_file(path, case.load(path, task))
    if file is None:
        raise NotRun("no file has the name of an example: pass damage=..., a function that damages one")
    with open(file, "wb") as opened:
        opened.write(b"damaged")
    return file


def _require_input_error(function, name, words):
    advice = "raise keras_cnn_zoo.utils.errors.InputError with one line that names the file"
    try:
        function()
    except InputError as error:
        if name not in str(error) or "\n" in str(error).strip():
            raise Broken(f"the error for {words} is not one line that names it: {error}", advice) from error
    except Exception as error:
        raise Broken(f"{words} raises {type(error).__name__}: {error}", advice) from error
    else:
        raise Broken(f"{words} is accepted", advice)


def _read_all(source):
    """Reads every example, and returns how many there are."""
    return sum(1 for split in source.splits.values() for _ in split)


def _sources(case):
    """Gives pairs of a task and the source for it."""
    with case.written() as path:
        for task in case.all_tasks():
            yield task, case.load(path, task)


def _examples(source):
    """Gives pairs of a place, such as "train[0]", and the example there, for the first of each split."""
    for name, split in source.splits.items():
        for position in range(min(MOST_EXAMPLES, len(split))):
            yield f"{name}[{position}]", split[position]


def _short(value):
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}"
    return f"{type(value).__name__} {value!r:.60}"
