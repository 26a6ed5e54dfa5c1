"""The result of every reader: named splits of examples that are decoded on access."""

import collections.abc
import dataclasses
import operator
import threading

import numpy as np

from keras_cnn_zoo.utils.errors import InputError

SPLIT_NAMES = ("train", "val", "test")


class Split(collections.abc.Sequence):
    """A sequence of examples, each a dict of NumPy arrays, decoded on access.

    Reading is thread-safe if `read` depends only on its argument, as in every reader of this package.
    Decoded examples are not cached.

    Args:
        names: Sequence of strings, one per example: the path below the data folder, or "train/17".
        read: Function from an integer in `[0, len(names))` to the example.
        labels: Integer array of one class per example, known without decoding an image. None if an
            example has no single class.
    """

    def __init__(self, names, read, *, labels=None):
        self.names = list(names)
        self.labels = None if labels is None else np.asarray(labels, dtype="int64")
        if self.labels is not None and self.labels.shape != (len(self.names),):
            raise ValueError(
                f"`labels` must have one class per name. Received: {len(self.names)} names and "
                f"labels of shape {self.labels.shape}"
            )
        self._read = read

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

    def select(self, indices):
        """Returns a new split of the examples at `indices`, in that order, still decoded on access."""
        indices = np.asarray(indices, dtype="int64").reshape(-1)
        names = [self.names[i] for i in indices]
        labels = None if self.labels is None else self.labels[indices]
        read = self._read
        return Split(names, lambda position: read(int(indices[position])), labels=labels)

    @classmethod
    def concatenate(cls, splits):
        """Returns one split of all examples of `splits`, in order."""
        splits = list(splits)
        names = [name for split in splits for name in split.names]
        starts = np.cumsum([0] + [len(split) for split in splits])
        labels = None
        if splits and all(split.labels is not None for split in splits):
            labels = np.concatenate([split.labels for split in splits])

        def read(position):
            which = int(np.searchsorted(starts, position, side="right")) - 1
            return splits[which][position - int(starts[which])]

        return cls(names, read, labels=labels)

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
