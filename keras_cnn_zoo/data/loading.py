"""Turns a data spec, such as "images:PATH", into a `Source`."""

import os

from keras_cnn_zoo.data.files.text import check_encoding
from keras_cnn_zoo.data.options import ReadOptions
from keras_cnn_zoo.data.readers import EMBEDDED, READERS
from keras_cnn_zoo.data.source import Source
from keras_cnn_zoo.data.splits import apply_split_file, complete_splits
from keras_cnn_zoo.utils.errors import InputError
from keras_cnn_zoo.utils.tasks import TASKS


def load(
    spec=None,
    *,
    task,
    split_file=None,
    ignore_label=255,
    class_names=None,
    encoding="utf-8",
    skip_bad=False,
    seed=0,
):
    """Opens the data set that a spec names, with the splits train, val, and test.

    Args:
        spec: None for the embedded set of the task, "tfds:NAME" for a TensorFlow Datasets name, or
            "FORMAT:PATH" with a format of `docs/data.md`.
        task: A name in `keras_cnn_zoo.utils.tasks.TASKS`, such as "classification".
        split_file: Path of a text file with lines `split<TAB>name` that overrides the splits of the
            data, or None. Names are those of `Split.names`: paths below PATH, or "train/17".
        ignore_label: Mask value of the pixels to leave out. CamVid's void is 11.
        class_names: Sequence of strings, "a,b,c", or None to find the names in the data.
        encoding: Encoding of the text files.
        skip_bad: Whether to decode every image now, and to leave out and count those that cannot be read.
        seed: Integer that decides which examples a drawn split takes.

    Returns:
        A `Source`.

    Raises:
        InputError: The data cannot be used. The message is one line.
    """
    if task not in TASKS:
        raise InputError(f"`task` must be one of {', '.join(TASKS)}. Received: task={task!r}")
    check_encoding(encoding)
    options = ReadOptions(
        task=task,
        ignore_label=ignore_label,
        class_names=_parse_class_names(class_names),
        encoding=encoding,
        skip_bad=skip_bad,
    )
    format_name, path = parse_spec(spec)
    if format_name is None:
        name, reader = EMBEDDED[task]
        if options.class_names is not None:
            raise InputError(
                f"class names cannot be given for the embedded {name}, which has its own. "
                f"Received: {','.join(options.class_names)}"
            )
    else:
        name, reader = spec, READERS[format_name]
    if task not in reader.tasks:
        able = ", ".join(f"{name}:" for name, other in sorted(READERS.items()) if task in other.tasks)
        raise InputError(f"{format_name}: has no {task} data. Formats that do: {able}. Received: {spec!r}")
    return build_source(reader.read(path, options), name, options, split_file=split_file, seed=seed)


def build_source(found, name, options, *, split_file=None, seed=0):
    """Returns the `Source` of what a reader found: draws missing splits and collects the notes.

    Args:
        found: The `Found` of the reader.
        name: The spec, or the name of the embedded set.
        options: The `ReadOptions` of the reader.
        split_file: As in `load`.
        seed: As in `load`.
    """
    splits, notes = found.splits, []
    if split_file is not None:
        splits, notes = apply_split_file(splits, os.fspath(split_file), name, options.encoding)
    splits, drawn = complete_splits(splits, name, seed, skipped=found.skipped)
    left_out = len(found.skipped)
    skipped_note = (
        [f"left out {left_out} unreadable example{'s' if left_out > 1 else ''}"] if left_out else []
    )
    return Source(
        name=name,
        task=options.task,
        splits=splits,
        class_names=tuple(found.class_names),
        channels=found.channels,
        ignore_label=options.ignore_label,
        notes=(*found.notes, *skipped_note, *notes, *drawn),
        skipped=tuple(found.skipped),
        mirror=found.mirror,
    )


def parse_spec(spec):
    """Splits "FORMAT:PATH" at the colon. Returns (None, None) for None, the embedded set."""
    if spec is None:
        return None, None
    known = ", ".join(f"{name}:" for name in sorted(READERS))
    if not isinstance(spec, str) or ":" not in spec:
        raise InputError(f"data must be FORMAT:PATH or tfds:NAME. Known formats: {known}. Received: {spec!r}")
    format_name, path = spec.split(":", 1)
    if format_name not in READERS:
        raise InputError(f"unknown data format. Known formats: {known}. Received: {spec!r}")
    if not path:
        raise InputError(f"the data spec has nothing after {format_name}:. Received: {spec!r}")
    return format_name, path


def _parse_class_names(class_names):
    if class_names is None:
        return None
    if isinstance(class_names, str):
        class_names = class_names.split(",")
    names = tuple(str(name).strip() for name in class_names)
    if len(set(names)) < len(names) or not all(names):
        raise InputError(f"class names must be different and not empty. Received: {','.join(names)!r}")
    return names
