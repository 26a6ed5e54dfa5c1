"""Reads and writes files of splits: those that a user gives, and `splits.tsv` of a run.

A line is `split<TAB>path`, or in `splits.tsv`

    split<TAB>path<TAB>bytes<TAB>content/target

`bytes` is the size of the file or of the content. `content` is a hash that identifies an example of arrays
and lines, whose path, such as `train/17`, is only a position. `target` is the class of such an example, or a
hash of the parts of the target that are known without reading a file. Unknown fields are left out.
"""

import collections
import dataclasses
import os
import re

from keras_cnn_zoo.data.files.text import read_text
from keras_cnn_zoo.data.left_out import first_few
from keras_cnn_zoo.data.source import SPLIT_NAMES, Split, digest, normalized
from keras_cnn_zoo.utils.errors import InputError

SPLITS_FILE = "splits.tsv"
# Hexadecimal digits of a content and of a target.
_CONTENT, _TARGET = 16, 8
_LINE_END = re.compile("\r\n|\r|\n")
# Characters that would break a line apart, and the pictures of them that are written instead.
_PICTURES = str.maketrans({"\t": "\u2409", "\n": "\u240a", "\r": "\u240d"})


@dataclasses.dataclass(frozen=True)
class Line:
    """A line of a file of splits.

    Args:
        split: "train", "val", or "test".
        fields: The other fields of the line.
        number: Its number, from 1.
    """

    split: str
    fields: tuple
    number: int

    @property
    def name(self):
        """The name of the example."""
        return self.fields[0]

    @property
    def size(self):
        """The recorded size in bytes as a string, "" if it is not known."""
        return self.fields[1] if len(self.fields) > 1 else ""

    @property
    def content(self):
        """The recorded hash of the content, "" if a name identifies the example."""
        return self._mark()[0]

    @property
    def target(self):
        """The recorded target, "" if it is not known."""
        return self._mark()[2]

    def _mark(self):
        return (self.fields[2] if len(self.fields) > 2 else "").partition("/")


@dataclasses.dataclass(frozen=True)
class RecordedSplits:
    """The splits of a run, to be used again.

    Args:
        lines: List of `Line`.
        where: Name of the file, for messages.
        fixed: Whether changed training data is refused, as in a resumed run. Otherwise it is reported.
        same_only: Whether the splits are used only if most of these examples are in the data. This is for
            data that a user names, which may be that of the run in another place.
    """

    lines: list
    where: str
    fixed: bool = False
    same_only: bool = False

    @classmethod
    def parse(cls, text, where, **rules):
        """Returns the splits in the text of a `splits.tsv`."""
        lines = parse_lines(text, where)
        if not lines:
            raise InputError(f"{where} names no example")
        return cls(lines, where, **rules)


def parse_lines(text, where):
    """Returns the `Line`s of a text. Raises an `InputError` if one is not `split<TAB>path`."""
    lines = []
    for number, row in enumerate(_LINE_END.split(text), start=1):
        if not row.strip():
            continue
        split_name, *fields = row.split("\t")
        here = f"{where} line {number}"
        if not fields:
            raise InputError(f"{here} must be `split<TAB>path`. Received: {row!r}")
        if split_name not in SPLIT_NAMES:
            known = ", ".join(SPLIT_NAMES)
            raise InputError(f"{here}: split must be one of {known}. Received: {split_name!r}")
        lines.append(Line(split_name, tuple(fields), number))
    return lines


def written(name):
    """Returns the name of an example in `splits.tsv`: in Unicode form NFC, without tabs and line ends."""
    return normalized(name).translate(_PICTURES)


def text_of(source):
    """Returns the text of `splits.tsv` for the splits of a `Source`."""
    rows = []
    for split_name in SPLIT_NAMES:
        split = source.splits[split_name]
        for position, name in enumerate(split.names):
            fields = [split_name, written(name), *_facts(split, position, source.root)]
            while not fields[-1]:
                fields.pop()
            rows.append("\t".join(fields))
    return "\n".join(rows) + "\n"


def _facts(split, position, root):
    """Returns (size, mark) of an example, as strings."""
    target = _target(split, position)
    if split.keyed:
        size, content = split.content(position)
        return str(size), f"{content[:_CONTENT]}/{target}"
    size = None if root is None else _bytes_on_disk(os.path.join(root, split.names[position]))
    return "" if size is None else str(size), f"/{target}" if target else ""


def _target(split, position):
    if split.keyed and split.labels is not None:
        return str(int(split.labels[position]))
    known = split.targets(position)
    if known is None:
        return ""
    parts = [f"{name}:{digest(value)[1]}" for name, value in sorted(known.items())]
    return digest("\n".join(parts))[1][:_TARGET]


def _bytes_on_disk(path):
    """Returns the size of a file, or of all files in a folder; None if there is neither."""
    try:
        if not os.path.isdir(path):
            return os.path.getsize(path)
        inside = [os.path.join(parent, name) for parent, _, names in os.walk(path) for name in names]
        return sum(map(os.path.getsize, inside))
    except (OSError, ValueError):
        return None


def apply_split_file(splits, path, source_name, encoding, *, root=None):
    """Splits all examples again by a file of lines `split<TAB>name`, or `splits.tsv` of a run.

    Args:
        splits: Dict of `Split`, as read from the data.
        path: Path of the split file.
        source_name: Name of the data, for messages.
        encoding: Encoding of the split file.
        root: Folder of the data, to compare file sizes, or None.

    Returns:
        A dict with the splits that the file names, and a list of lines to report.
    """
    everything = Split.concatenate(splits.values())
    lines = [_checked(line, everything.names, path) for line in parse_lines(read_text(path, encoding), path)]
    if not lines:
        raise InputError(f"{path} names no example")
    matched = _matched(everything, lines)
    known = {written(name) for name in everything.names}
    lines_of = {}
    for line, position in zip(lines, matched, strict=True):
        here = f"{path} line {line.number}"
        if position is None and line.name in lines_of and written(line.name) in known:
            raise InputError(f"{here}: {line.name!r} is already in line {lines_of[line.name]}")
        if position is None:
            raise InputError(f"{here}: no such example in {source_name}. Received: {line.name!r}")
        lines_of.setdefault(line.name, line.number)
    notes = [f"splits from {path}"]
    left_out = len(everything) - len(lines)
    if left_out:
        notes.append(f"{left_out} examples are not in {path} and are left out")
    changed = [line.name for line in _changed(everything, lines, matched, root)]
    if changed:
        verb = "examples have" if len(changed) > 1 else "example has"
        notes.append(f"{len(changed)} {verb} changed since {path} was written: {first_few(changed)}")
    return _selected(everything, lines, matched), notes


def _checked(line, names, path):
    """Returns a line of a user's file, whose names may have tabs, as one that can be matched."""
    whole = "\t".join(line.fields)
    if len(line.fields) > 1 and whole in names:
        return dataclasses.replace(line, fields=(whole,))
    if len(line.fields) > 3 or (line.size and not line.size.isdecimal()):
        raise InputError(
            f"{path} line {line.number} must be `split<TAB>path` or `split<TAB>path<TAB>bytes`. "
            f"Received: {line.split}<TAB>{whole!r}"
        )
    return line


def apply_recorded(splits, recorded, source_name, *, root=None):
    """Splits all examples again as a run did.

    Args:
        splits: Dict of `Split`, as read from the data.
        recorded: The `RecordedSplits`.
        source_name: Name of the data, for messages.
        root: Folder of the data, or None.

    Returns:
        A dict with train, val, test, and a list of lines to report; or None if `recorded` is for the same
        data only, and this is not.

    Raises:
        InputError: None of the examples is there, or the training data is fixed and has changed.
    """
    everything = Split.concatenate(splits.values())
    lines = recorded.lines
    matched = _matched(everything, lines)
    missing = [line for line, position in zip(lines, matched, strict=True) if position is None]
    changed = _changed(everything, lines, matched, root)
    if recorded.same_only:
        same = sum(1 for line in lines if line.size) - len(missing) - len(changed)
        if 2 * same <= len(lines):
            return None
    used = {position for position in matched if position is not None}
    new = [position for position in range(len(everything)) if position not in used]
    if recorded.fixed:
        _check_fixed(recorded, source_name, missing, changed)
    if len(missing) == len(lines):
        raise InputError(
            f"{source_name} must have examples of {recorded.where}. "
            f"Received: none of its {len(lines)}, such as {lines[0].name}"
        )
    notes = [f"splits from {recorded.where}"]
    for words, names in (
        ("of the run {are} missing", [f"{line.name} ({line.split})" for line in missing]),
        ("{have} changed since the run", [f"{line.name} ({line.split})" for line in changed]),
        ("{are} not in the run and {are} left out", [everything.names[position] for position in new]),
    ):
        if names:
            verbs = {"are": "are", "have": "have"} if len(names) > 1 else {"are": "is", "have": "has"}
            noun = "examples" if len(names) > 1 else "example"
            notes.append(f"{len(names)} {noun} {words.format(**verbs)}: {first_few(names)}")
    chosen = _selected(everything, lines, matched)
    return {name: chosen.get(name, Split.empty()) for name in SPLIT_NAMES}, notes


def _check_fixed(recorded, source_name, missing, changed):
    """Refuses training data that has changed."""
    gone, other = ([line.name for line in lines if line.split == "train"] for lines in (missing, changed))
    seen = [
        f"{len(names)} {word} ({first_few(names)})"
        for names, word in ((gone, "missing"), (other, "changed"))
        if names
    ]
    if seen:
        raise InputError(
            f"the training data of {source_name} must be as in {recorded.where}. Received: {', '.join(seen)}"
        )


def _matched(everything, lines):
    """Returns the position of the example of each line, or None."""
    if everything.keyed and any(line.content for line in lines):
        digests = [everything.content(position)[1][:_CONTENT] for position in range(len(everything))]
        targets = [_target(everything, position) for position in range(len(everything))]
        names = [written(name) for name in everything.names]
        # The same example in the same place first, then one that has moved, then one with another target.
        passes = (
            (lambda line: (line.content, line.target, line.name), zip(digests, targets, names, strict=True)),
            (lambda line: (line.content, line.target), zip(digests, targets, strict=True)),
            (lambda line: line.content, digests),
        )
    else:
        passes = ((lambda line: written(line.name), map(written, everything.names)),)
    matched, used = [None] * len(lines), set()
    for identity_of, identities in passes:
        free = collections.defaultdict(collections.deque)
        for position, identity in enumerate(identities):
            if position not in used:
                free[identity].append(position)
        for place, line in enumerate(lines):
            if matched[place] is None and free[identity_of(line)]:
                matched[place] = free[identity_of(line)].popleft()
                used.add(matched[place])
    return matched


def _changed(everything, lines, matched, root):
    """Returns the lines whose example is there with another size or target."""
    found = []
    for line, position in zip(lines, matched, strict=True):
        if position is None or not (line.size or line.target):
            continue
        size, mark = _facts(everything, position, root)
        target = mark.partition("/")[2]
        if (line.size and size and line.size != size) or (line.target and target and line.target != target):
            found.append(line)
    return found


def _selected(everything, lines, matched):
    """Returns a dict from split name to the examples of its lines, in the order of the lines."""
    chosen = collections.defaultdict(list)
    for line, position in zip(lines, matched, strict=True):
        if position is not None:
            chosen[line.split].append(position)
    return {name: everything.select(chosen[name]) for name in SPLIT_NAMES if name in chosen}
