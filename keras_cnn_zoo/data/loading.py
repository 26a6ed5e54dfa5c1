"""The one data word: a spec in, a `Source` out."""

import os

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
    """Opens a data set by one word and returns it as a `Source` with train, val and test.

    Args:
        spec: None for the embedded set of the task, "tfds:NAME" for a TensorFlow Datasets name, or
            "FORMAT:PATH" with one of the formats that `docs/data.md` describes.
        task: a name in `keras_cnn_zoo.utils.tasks.TASKS`, such as "classification".
        split_file: Path of a text file with lines `split<TAB>name` that overrides the splits of the
            data, or None. Names are those of `Split.names`: paths below PATH, or "train/17".
        ignore_label: Mask value of the pixels to leave out. CamVid's void is 11.
        class_names: Sequence of strings, "a,b,c", or None to find the names in the data.
        encoding: Encoding of the text files read.
        skip_bad: Decode every picture once now, leave out and count those that cannot be read.
        seed: Integer that decides which examples a drawn split takes.

    Returns:
        A `Source`.

    Raises:
        InputError: One line that names what cannot be used and what was received.
    """
    if task not in TASKS:
        raise InputError(f"`task` must be one of {', '.join(TASKS)}. Received: task={task!r}")
    _check_encoding(encoding)
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
            raise InputError(f"class names cannot be given to the embedded {name}, which has its own")
    else:
        name, reader = spec, READERS[format_name]
    if task not in reader.tasks:
        able = ", ".join(f"{name}:" for name, other in sorted(READERS.items()) if task in other.tasks)
        raise InputError(
            f"{format_name}: does not hold {task} data. Formats that do: {able}. Received: {spec!r}"
        )
    return build_source(reader.read(path, options), name, options, split_file=split_file, seed=seed)


def build_source(found, name, options, *, split_file=None, seed=0):
    """Returns the `Source` of what a reader found: missing splits are drawn, and notes are collected.

    Args:
        found: The `Found` of the reader.
        name: The spec, or the name of the embedded set.
        options: The `ReadOptions` that the reader had.
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
    """Splits "FORMAT:PATH" into its two halves; None is the embedded set."""
    if spec is None:
        return None, None
    known = ", ".join(f"{name}:" for name in sorted(READERS))
    if not isinstance(spec, str) or ":" not in spec:
        raise InputError(f"data must be FORMAT:PATH or tfds:NAME. Known formats: {known}. Received: {spec!r}")
    format_name, path = spec.split(":", 1)
    if format_name not in READERS:
        raise InputError(f"unknown data format. Known formats: {known}. Received: {spec!r}")
    if not path:
        raise InputError(f"nothing stands after {format_name}: in the data spec. Received: {spec!r}")
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


def _check_encoding(encoding):
    try:
        "".encode(encoding)
    except LookupError as error:
        raise InputError(f"unknown text encoding. Received: {encoding!r}") from error
