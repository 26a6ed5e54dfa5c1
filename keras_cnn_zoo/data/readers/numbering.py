"""Names of examples without files."""


def example_names(split_name, count):
    """Returns ["train/0", "train/1", ...]."""
    return [f"{split_name}/{number}" for number in range(count)]


def distinct_names(names_by_split):
    """Returns the names of each split, in which a repeated name is followed by (2), (3), ..., and notes.

    Names identify examples, for instance in a split file.

    Args:
        names_by_split: Dict from split to a list of names of files.

    Returns:
        A dict of the same form, and a tuple of lines to report: the files in more than one split.
    """
    counts, splits_of, distinct = {}, {}, {}
    for split_name, names in names_by_split.items():
        distinct[split_name] = []
        for name in names:
            counts[name] = counts.get(name, 0) + 1
            distinct[split_name].append(name if counts[name] == 1 else f"{name} ({counts[name]})")
            splits_of.setdefault(name, {})[split_name] = None
    shared = [f"{name} ({', '.join(of_name)})" for name, of_name in splits_of.items() if len(of_name) > 1]
    if not shared:
        return distinct, ()
    what = "file is" if len(shared) == 1 else "files are"
    first = ", ".join([*shared[:3], *(["..."] if len(shared) > 3 else [])])
    return distinct, (f"{len(shared)} {what} in more than one split: {first}",)
