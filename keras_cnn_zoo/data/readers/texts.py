"""What the readers of text share: lines of a file, and which class stands for which file or label."""

from keras_cnn_zoo.data.files.text import CLASSES_FILE, find_class_names, read_text
from keras_cnn_zoo.data.source import Found, Split
from keras_cnn_zoo.data.splits import check_not_empty
from keras_cnn_zoo.data.survey import survey
from keras_cnn_zoo.utils.errors import InputError

# Beside the data, and no data.
NO_DATA = ("copying", "licence", "license", "readme")


def numbered_lines(path, encoding):
    """Pairs (number from 1, line) of a text file, cut at line feeds alone.

    `str.splitlines` would cut at further characters, such as U+0085, that stand inside sentences of the
    field's data sets.
    """
    text = read_text(path, encoding)
    if "\0" in text:
        raise InputError(f"{path} is not {encoding} text (it holds NUL). Name its encoding with --encoding")
    lines = text.removesuffix("\n").split("\n")
    return [(number, line.removesuffix("\r")) for number, line in enumerate(lines, start=1)]


def check_text(where, text):
    """Raises an `InputError` where there is nothing to read."""
    if not text.strip():
        raise InputError(f"{where} is empty: every line must hold a text")


def class_order(path, found, options):
    """Class names, a dict from what the data call a class to its number, and lines to say aloud.

    Args:
        path: the data folder.
        found: what the data call their classes, in order.
        options: the `ReadOptions`.
    """
    names = find_class_names(path, options) or tuple(found)
    where = CLASSES_FILE if options.class_names is None else "--class-names"
    notes = ()
    if set(found) <= set(names):
        index = {name: number for number, name in enumerate(names)}
        absent = [name for name in names if name not in found]
        if absent:
            notes = (f"no texts of {', '.join(absent)}",)
    elif len(found) == len(names) and not set(found) & set(names):
        index = {name: number for number, name in enumerate(found)}
        renamed = ", ".join(f"{old} = {new}" for old, new in zip(found, names, strict=True))
        notes = (f"classes named by {where} in the order of the data: {renamed}",)
    else:
        unnamed = [name for name in found if name not in names]
        raise InputError(
            f"{where} does not name the class {unnamed[0]!r} of {path}. It names: {', '.join(names)}"
        )
    if len(names) < 2:
        raise InputError(f"{path} has one class only, {names[0]!r}: a classifier needs two or more")
    return tuple(names), index, notes


def found_texts(path, rows, class_names, index, notes, options):
    """The `Found` of rows (name, text, class as the data call it) by split; empty texts are refused.

    Args:
        path: the data folder, for messages.
        rows: dict from split name to a list of rows.
        class_names: the names in order.
        index: dict from what the data call a class to its number.
        notes: lines to be said aloud.
        options: the `ReadOptions`.
    """
    splits, skipped = {}, []
    for split_name, of_split in rows.items():
        kept, _, bad = survey(of_split, lambda row: check_text(row[3], row[1]), skip_bad=options.skip_bad)
        check_not_empty(path, split_name, kept, skipped=bad)
        splits[split_name] = _split(kept, index)
        skipped.extend(bad)
    return Found(splits, class_names, None, tuple(notes), tuple(skipped))


def _split(rows, index):
    labels = [index[row[2]] for row in rows]

    def read_example(position):
        return {"text": rows[position][1], "label": labels[position]}

    return Split([row[0] for row in rows], read_example, labels=labels)
