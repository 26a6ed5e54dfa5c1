"""Checks every example of a data set once, in parallel, before any is used."""

import concurrent.futures
import dataclasses
import os

from keras_cnn_zoo.data.source import Found, Split
from keras_cnn_zoo.data.splits import check_not_empty
from keras_cnn_zoo.utils.errors import InputError


@dataclasses.dataclass(frozen=True)
class Survey:
    """The usable examples of a data set, by split.

    Args:
        items: Dict from split to a list of items. The first element of an item is its name.
        looks: Dict from split to a list of what `look` returned for each item.
        faults: Tuple of pairs (split, line "name: reason"), one per item left out.
        skip_bad: Whether items that cannot be used are left out instead of refused.
    """

    items: dict
    looks: dict
    faults: tuple
    skip_bad: bool

    def all_items(self):
        """Returns the items of all splits."""
        return [item for items in self.items.values() for item in items]

    def all_looks(self):
        """Returns the looks of all splits."""
        return [look for looks in self.looks.values() for look in looks]

    def check_not_empty(self, source_name):
        """Raises an `InputError` if a split has no items, or none that can be used."""
        for split_name, items in self.items.items():
            bad = [line for faulty, line in self.faults if faulty == split_name]
            check_not_empty(source_name, split_name, items, skipped=bad)

    def again(self, look):
        """Returns the survey after a second look, which may depend on all first looks.

        Args:
            look: Function (item, first look) that returns the second look, or raises `InputError` if the
                item cannot be used.
        """
        rows = [
            (split_name, item, first)
            for split_name, items in self.items.items()
            for item, first in zip(items, self.looks[split_name], strict=True)
        ]

        def attempt(row):
            try:
                return look(row[1], row[2]), None
            except InputError as error:
                if self.skip_bad:
                    return None, error
                raise

        with concurrent.futures.ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
            outcomes = list(pool.map(attempt, rows))
        items, looks = ({split_name: [] for split_name in self.items} for _ in range(2))
        faults = list(self.faults)
        for (split_name, item, _), (result, error) in zip(rows, outcomes, strict=True):
            if error is None:
                items[split_name].append(item)
                looks[split_name].append(result)
            else:
                faults.append((split_name, _fault(str(item[0]), str(error))))
        return Survey(items, looks, tuple(faults), self.skip_bad)

    def found(
        self,
        example,
        class_names,
        *,
        row=None,
        label=None,
        name=None,
        key=None,
        targets=None,
        channels=None,
        notes=(),
        skipped=(),
        mirror=True,
    ):
        """Returns the `Found` of the items.

        Args:
            example: Function (row) that decodes an example.
            class_names: Tuple of strings.
            row: Function (item, look) that returns the row from which an example is decoded; by default the
                item. Only rows stay in memory.
            label: Function (row) that returns its class, or None for data without one class per example.
            name: Function (item, look) that returns the name of an example; by default the item's.
            key: Function (row) that returns the content of an example whose name is only a position, or None
                for files.
            targets: Function (row) that returns the parts of an example that are in memory, or None.
            channels: As in `Found`.
            notes: As in `Found`.
            skipped: Lines about examples that were left out before the survey.
            mirror: As in `Found`.
        """
        return Found(
            splits={
                split_name: _split(items, self.looks[split_name], example, row, label, name, key, targets)
                for split_name, items in self.items.items()
            },
            class_names=tuple(class_names),
            channels=channels,
            notes=tuple(notes),
            skipped=(*skipped, *(line for _, line in self.faults)),
            mirror=mirror,
        )


def survey(items, look, *, skip_bad):
    """Applies `look` to every item of a data set.

    Args:
        items: Dict from split to a list of items, the first element of each being its name.
        look: Function (item) that raises `InputError` if the item cannot be used.
        skip_bad: Leave such items out instead of raising the first error.

    Returns:
        A `Survey`. If a reason begins with the item's name, the name is not repeated.
    """
    unseen = {split_name: [None] * len(of_split) for split_name, of_split in items.items()}
    return Survey(items, unseen, (), skip_bad).again(lambda item, _: look(item))


def shared_channels(pictures):
    """Returns 3 if one of the images has colors, 1 if none has, and 3 if there are no images."""
    return max((picture.channels for picture in pictures), default=3)


def _fault(name, reason):
    return reason if reason.startswith(name) else f"{name}: {reason}"


def _split(items, looks, example, row, label, name, key, targets):
    pairs = list(zip(items, looks, strict=True))
    rows = items if row is None else [row(item, look) for item, look in pairs]
    names = [item[0] if name is None else name(item, look) for item, look in pairs]
    labels = None if label is None else [label(one) for one in rows]
    return Split(
        names,
        lambda position: example(rows[position]),
        labels=labels,
        keys=None if key is None else [key(one) for one in rows],
        targets=None if targets is None else lambda position: targets(rows[position]),
    )
