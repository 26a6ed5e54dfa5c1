"""Turns a data spec, such as "images:PATH", into a `Source`."""

import os

from keras_cnn_zoo.data.files.text import check_encoding
from keras_cnn_zoo.data.options import ReadOptions
from keras_cnn_zoo.data.readers import EMBEDDED, READERS
from keras_cnn_zoo.data.recorded_splits import apply_recorded
from keras_cnn_zoo.data.source import Source
from keras_cnn_zoo.data.splits import apply_split_file, complete_splits, missing_splits
from keras_cnn_zoo.utils.errors import InputError
from keras_cnn_zoo.utils.tasks import TASKS


def load(
    spec=None,
    *,
    task,
    split_file=None,
    ignore_label=None,
    class_names=None,
    model_names=None,
    encoding="utf-8",
    skip_bad=False,
    seed=0,
    recorded=None,
    old_draw=False,
    palette=None,
):
    """Opens the data set that a spec names, with the splits train, val, and test.

    Args:
        spec: None for the embedded set of the task, "tfds:NAME" for a TensorFlow Datasets name, or
            "FORMAT:PATH" with a format of `docs/data.md`.
        task: A name in `keras_cnn_zoo.utils.tasks.TASKS`, such as "classification".
        split_file: Path of a text file with lines `split<TAB>name`, such as `splits.tsv` of a run, that
            overrides the splits of the data, or None. Names are those of `Split.names`: paths below PATH, or
            "train/17".
        ignore_label: Mask value of the pixels to leave out, or None for 255. CamVid's void is 11. With
            None, masks that have only the values 0 and 255 are binary: 255 is class 1.
        class_names: Sequence of strings, "a,b,c", or None to find the names in the data.
        model_names: Class names of the model that the data are for, or None. They give the order of classes
            that the data name, and names to classes that are numbers. Data whose numbered classes have
            other names are refused. `class_names` replaces them.
        encoding: Encoding of the text files.
        skip_bad: Whether to decode every image now, and to leave out and count those that cannot be read.
        seed: Integer that decides which examples a drawn split takes.
        recorded: `RecordedSplits` of a run, which override all other splits, or None.
        old_draw: Whether to draw missing splits as version 0.1 did, for its runs and presets.
        palette: Path of a text file of lines `R G B name`, one per class, for "masks:PATH" with colored
            masks, or None for masks whose values are classes.

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
        ignore_label=255 if ignore_label is None else ignore_label,
        ignore_label_given=ignore_label is not None,
        class_names=_parse_class_names(model_names if class_names is None else class_names),
        names_of_model=class_names is None and model_names is not None,
        encoding=encoding,
        skip_bad=skip_bad,
        palette=None if palette is None else os.fspath(palette),
    )
    format_name, path = parse_spec(spec)
    if palette is not None and format_name != "masks":
        raise InputError(f"`palette` is for the colored masks of masks:PATH. Received: {spec!r}")
    if format_name is None:
        name, reader = EMBEDDED[task]
        if class_names is not None:
            raise InputError(
                f"class names cannot be given for the embedded {name}, which has its own. "
                f"Received: {','.join(options.class_names)}"
            )
    else:
        name, reader = spec, READERS[format_name]
    if task not in reader.tasks:
        able = ", ".join(f"{name}:" for name, other in sorted(READERS.items()) if task in other.tasks)
        raise InputError(f"{format_name}: has no {task} data. Formats that do: {able}. Received: {spec!r}")
    root = path if path is not None and os.path.isdir(path) and format_name != "tfds" else None
    return build_source(
        reader.read(path, options),
        name,
        options,
        split_file=split_file,
        seed=seed,
        recorded=recorded,
        old_draw=old_draw,
        root=root,
    )


def build_source(found, name, options, *, split_file=None, seed=0, recorded=None, old_draw=False, root=None):
    """Returns the `Source` of what a reader found: draws missing splits and collects the notes.

    Args:
        found: The `Found` of the reader.
        name: The spec, or the name of the embedded set.
        options: The `ReadOptions` of the reader.
        split_file: As in `load`.
        seed: As in `load`.
        recorded: As in `load`.
        old_draw: As in `load`.
        root: Folder that the names of the examples are relative to, or None.
    """
    names, done, drawn = tuple(found.class_names), None, ()
    if recorded is not None and (missing_splits(found.splits) or not recorded.same_only):
        done = apply_recorded(found.splits, recorded, name, root=root)
    if done is None:
        splits, notes = found.splits, []
        if split_file is not None:
            splits, notes = apply_split_file(splits, os.fspath(split_file), name, options.encoding, root=root)
        drawn = missing_splits(splits)
        splits, more = complete_splits(
            splits, name, seed, skipped=found.skipped, class_names=names, old_draw=old_draw
        )
        done = splits, [*notes, *more]
    splits, notes = done
    left_out = len(found.skipped)
    skipped_note = (
        [f"left out {left_out} unreadable example{'s' if left_out > 1 else ''}"] if left_out else []
    )
    return Source(
        name=name,
        task=options.task,
        splits=splits,
        class_names=names,
        channels=found.channels,
        ignore_label=options.ignore_label,
        notes=(*found.notes, *skipped_note, *notes),
        skipped=tuple(found.skipped),
        mirror=found.mirror,
        root=root,
        drawn=drawn,
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
    try:
        # A dict or a set has no order that classes could have.
        if isinstance(class_names, (bytes, dict, set, frozenset)):
            raise TypeError
        names = [name.item() if hasattr(name, "item") else name for name in class_names]
        if not all(isinstance(name, (str, int)) for name in names):
            raise TypeError
    except (TypeError, ValueError) as error:
        raise InputError(f"`class_names` must be a sequence of strings. Received: {class_names!r}") from error
    names = tuple(str(name).strip() for name in names)
    if len(set(names)) < len(names) or not all(names):
        raise InputError(f"class names must be different and not empty. Received: {','.join(names)!r}")
    return names
