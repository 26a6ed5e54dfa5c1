"""The result of every reader: named splits of examples that are decoded on access."""

import collections.abc
import dataclasses
import hashlib
import operator
import threading
import unicodedata

import numpy as np

from keras_cnn_zoo.utils.errors import InputError

SPLIT_NAMES = ("train", "val", "test")


def normalized(name):
    """Returns the name of an example in the Unicode form NFC, which file systems do not agree on."""
    return unicodedata.normalize("NFC", name)


def digest(content):
    """Returns (number of bytes, sha256 in hexadecimal digits) of a string, bytes, or an array."""
    made = hashlib.sha256()
    if isinstance(content, np.ndarray):
        # Arrays of other shapes may have the same bytes.
        made.update(f"{content.dtype.str}{content.shape}".encode())
        content = np.ascontiguousarray(content).tobytes()
    elif isinstance(content, str):
        content = content.encode("utf-8", "surrogatepass")
    made.update(content)
    return len(content), made.hexdigest()


def _digests(contents):
    """Returns a function from a position to the digest of its content, which is computed once."""
    known = {}

    def digest_at(position):
        if position not in known:
            known[position] = digest(contents[position])
        return known[position]

    return digest_at


class Split(collections.abc.Sequence):
    """A sequence of examples, each a dict of NumPy arrays, decoded on access.

    Reading is thread-safe if `read` depends only on its argument, as in every reader of this package.
    Decoded examples are not cached.

    Args:
        names: Sequence of strings, one per example: the path below the data folder, or "train/17".
        read: Function from an integer in `[0, len(names))` to the example.
        labels: Integer array of one class per example, known without decoding an image. None if an
            example has no single class.
        keys: Sequence of the contents of the examples, each a string, bytes, or an array, if names are only
            positions, as in arrays and lines. None if a name identifies its example, as for files.
        targets: Function from a position to the parts of the example that are in memory, such as boxes, as a
            dict. None if an example must be read for that.
    """

    def __init__(self, names, read, *, labels=None, keys=None, targets=None):
        self.names = list(names)
        self.labels = None if labels is None else np.asarray(labels, dtype="int64")
        if self.labels is not None and self.labels.shape != (len(self.names),):
            raise ValueError(
                f"`labels` must have one class per name. Received: {len(self.names)} names and "
                f"labels of shape {self.labels.shape}"
            )
        if keys is not None and len(keys) != len(self.names):
            raise ValueError(
                f"`keys` must hold one content per name. Received: {len(self.names)} names and "
                f"{len(keys)} keys"
            )
        self._read = read
        self._content = None if keys is None else _digests(keys)
        self._targets = targets

    def __len__(self):
        return len(self.names)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self.select(range(len(self))[index])
        position = operator.index(index)
        if position < 0:
            position += len(self)
        if not 0 <= position < len(self):
            raise IndexError(f"example {index} of a split of {len(self)}")
        return self._read(position)

    @property
    def keyed(self):
        """Whether examples are identified by their content, because their names are only positions."""
        return self._content is not None

    def content(self, position):
        """Returns (number of bytes, sha256 in hexadecimal digits) of the content of a keyed example."""
        return self._content(position)

    def key(self, position):
        """Returns the string that identifies an example in a draw: its name, or a digest of its content."""
        return self.content(position)[1] if self.keyed else normalized(self.names[position])

    def targets(self, position):
        """Returns the parts of an example that are in memory, as a dict; None if it must be read for that."""
        return None if self._targets is None else self._targets(position)

    def select(self, indices):
        """Returns a new split of the examples at `indices`, in that order, still decoded on access."""
        indices = np.asarray(indices, dtype="int64").reshape(-1)

        def chosen(function):
            return None if function is None else lambda position: function(int(indices[position]))

        return self._derived(
            [self.names[i] for i in indices],
            None if self.labels is None else self.labels[indices],
            *(chosen(function) for function in (self._read, self._content, self._targets)),
        )

    @classmethod
    def concatenate(cls, splits):
        """Returns one split of all examples of `splits`, in order."""
        splits = list(splits)
        names = [name for split in splits for name in split.names]
        labels = None
        if splits and all(split.labels is not None for split in splits):
            labels = np.concatenate([split.labels for split in splits])
        filled = [split for split in splits if len(split)]
        starts = np.cumsum([0] + [len(split) for split in filled])

        def joined(functions):
            if not functions or None in functions:
                return None

            def call(position):
                which = int(np.searchsorted(starts, position, side="right")) - 1
                return functions[which](position - int(starts[which]))

            return call

        return cls._derived(
            names,
            labels,
            *(
                joined([getattr(split, part) for split in filled])
                for part in ("_read", "_content", "_targets")
            ),
        )

    @classmethod
    def _derived(cls, names, labels, read, content, targets):
        """Returns a split whose contents are a function, not a sequence."""
        split = cls(names, read, labels=labels, targets=targets)
        split._content = content
        return split

    @classmethod
    def empty(cls):
        """Returns a split without examples."""
        return cls((), lambda position: None)


@dataclasses.dataclass(frozen=True)
class Found:
    """The result of a reader, before missing splits are drawn.

    Args:
        splits: Dict from "train", "val", "test" to `Split`; or one entry "all" for data without splits.
        class_names: Tuple of strings, position = class.
        channels: 1 or 3, the same for every image; None for data without images.
        notes: Lines to report.
        skipped: Lines "name: reason", one per example that was left out.
        mirror: False if a mirrored image has another meaning, as for digits and letters.
    """

    splits: dict
    class_names: tuple
    channels: int | None
    notes: tuple = ()
    skipped: tuple = ()
    mirror: bool = True


@dataclasses.dataclass(frozen=True)
class Source:
    """A data set ready for a task, as `load` returns it.

    An example has these keys, by task. H and W may differ between examples, and arrays may be read-only:

    - classification: `image` uint8 (H, W, C), `label` int;
    - segmentation: `image`, `mask` uint8 or int32 (H, W);
    - detection: `image`, `boxes` float32 (n, 4) as left, top, right, bottom in pixels, where pixel i spans
      [i, i + 1], `classes` int32 (n,), `crowd` bool (n,);
    - tracking: `frames`, a sequence of uint8 (H, W, C) decoded on access, `boxes` float32 (T, 4) as left,
      top, width, height in pixels, `name`;
    - text: `image`, `text` str;
    - speech: `audio` float32 (samples,), one channel in [-1, 1], `sample_rate` int, `label` int;
    - language: `text` str, `label` int.

    Args:
        name: The spec it was loaded from, or the name of the embedded set.
        task: A name in `keras_cnn_zoo.utils.tasks.TASKS`.
        splits: Dict with the keys "train", "val", "test", each a `Split` of example dicts (above). Data with
            only a test split has empty "train" and "val".
        class_names: Tuple of strings, position = class; for text the characters of the alphabet; empty for
            tracking.
        channels: 1 or 3; None for data without images.
        ignore_label: Mask value of the pixels that count neither in the loss nor in a metric.
        notes: Lines for a program to print: drawn splits, scaled values, left-out examples.
        skipped: Lines "name: reason", one per example that `skip_bad` left out.
        mirror: False if training must not mirror images, because a mirrored digit is not that digit.
        root: The folder that the names of examples are relative to, or None if they are not files.
        drawn: Names of the splits that were drawn because the data does not have them.
    """

    name: str
    task: str
    splits: dict
    class_names: tuple
    channels: int | None
    ignore_label: int = 255
    notes: tuple = ()
    skipped: tuple = ()
    mirror: bool = True
    root: str | None = None
    drawn: tuple = ()
    _kept: dict = dataclasses.field(default_factory=dict, init=False, repr=False, compare=False)
    _lock: object = dataclasses.field(default_factory=threading.RLock, init=False, repr=False, compare=False)

    @property
    def num_classes(self):
        """Number of classes, without the ignored label."""
        return len(self.class_names)

    def once(self, key, compute):
        """Returns `compute()`, which is called once per data set and key, whichever thread asks first."""
        with self._lock:
            if key not in self._kept:
                self._kept[key] = compute()
            return self._kept[key]

    def split(self, name):
        """Returns the split `name`. Raises an `InputError` if it is unknown or has no examples."""
        if name not in self.splits:
            known = ", ".join(self.splits)
            raise InputError(f"unknown split. Known: {known}. Received: {name!r}")
        if not len(self.splits[name]):
            raise InputError(f"{self.name} has no {name} examples")
        return self.splits[name]
