"""inspect: what a data set holds, and every problem that would stop `fit`, written once for all tasks."""

import os

import numpy as np

from keras_cnn_zoo.data.final_checks import check_final_splits, class_objects, class_pixels
from keras_cnn_zoo.data.source import SPLIT_NAMES
from keras_cnn_zoo.training.run_folder import RunFolder, check_new_folder
from keras_cnn_zoo.utils.errors import InputError

# Number of images whose size is looked at.
LOOKED_AT = 500
REPORT, SHEET = "inspect.json", "examples.png"


def inspect(task, data, out, *, data_options=None, seed=0):
    """Writes `inspect.json` and `examples.png` about a data set into a folder.

    Args:
        task: a `Task`.
        data: a data spec, or None for the embedded set.
        out: folder to write to; new or empty.
        data_options: dict of reader options, or None.
        seed: seed of drawn splits.

    Returns:
        The contents of `inspect.json`: a dict of `data`, `splits`, `classes` (a list of {name, train, val,
        test} counts), `count_of` ("examples", "objects", or "pixels"), `sizes`, `channels`, `notes`,
        `left_out`, and `problems`, the lines with which `fit` would stop.

    Raises:
        InputError: for an output folder that cannot be used.
    """
    check_new_folder(out)
    folder = RunFolder(out)
    source, problems = _loaded(task, data, {"seed": seed, **(data_options or {})})
    report = {"data": data if source is None else source.name, "problems": problems}
    if source is not None:
        report |= _described(source)
        try:
            report["notes"] += check_final_splits(source)
        except InputError as error:
            problems.append(str(error))
    os.makedirs(out, exist_ok=True)
    folder.write_json(REPORT, report)
    if source is not None:
        shown = next(name for name in SPLIT_NAMES if len(source.splits[name]))
        folder.save_figure(SHEET, task.draw_truth(source, shown))
    return report


def _loaded(task, data, options):
    """Returns (source or None, problems): first as `fit` loads it, then without the files that are bad."""
    problems = []
    try:
        return task.load(data, **options), problems
    except (InputError, OSError) as error:
        problems.append(str(error))
    if options.get("skip_bad"):
        return None, problems
    try:
        return task.load(data, **{**options, "skip_bad": True}), problems
    except (InputError, OSError) as error:
        if str(error) not in problems:
            problems.append(str(error))
        return None, problems


def _described(source):
    sizes = [
        example["image"].shape[:2] for example in _spread(source) if "image" in example and source.channels
    ]
    counts, noun = _class_counts(source)
    return {
        "splits": {name: len(source.splits[name]) for name in SPLIT_NAMES},
        "classes": [
            {"name": name, **{split: int(counts[split][index]) for split in SPLIT_NAMES}}
            for index, name in enumerate(source.class_names)
        ]
        if counts
        else [],
        "count_of": noun,
        "channels": source.channels,
        "sizes": _sizes(sizes),
        "notes": list(source.notes),
        "left_out": list(source.skipped),
    }


def _spread(source):
    """Yields examples spread evenly over all splits."""
    for name in SPLIT_NAMES:
        split = source.splits[name]
        for position in np.unique(np.linspace(0, len(split) - 1, min(LOOKED_AT, len(split))).astype(int)):
            yield split[int(position)]


def _class_counts(source):
    """Returns ({split: count per class}, what is counted), or ({}, None) for data without classes."""
    empty = np.zeros(len(source.class_names), dtype="int64")
    if source.task == "detection":
        return {
            n: class_objects(source, n) if len(source.splits[n]) else empty for n in SPLIT_NAMES
        }, "objects"
    if source.task == "segmentation":
        return {n: _pixels(source, n) if len(source.splits[n]) else empty for n in SPLIT_NAMES}, "pixels"
    if any(source.splits[name].labels is None for name in SPLIT_NAMES if len(source.splits[name])):
        return {}, None
    counts = {
        name: np.bincount(source.splits[name].labels, minlength=len(empty))
        if len(source.splits[name])
        else empty
        for name in SPLIT_NAMES
    }
    return counts, "examples"


def _pixels(source, split):
    try:
        return class_pixels(source, split)[0]
    except InputError:
        # Only ignored pixels: `check_final_splits` says so.
        return np.zeros(len(source.class_names), dtype="int64")


def _sizes(sizes):
    """Returns the smallest, median, and largest height and width, or None for data without images."""
    if not sizes:
        return None
    found = np.array(sizes)
    return {
        "smallest": found.min(axis=0).tolist(),
        "median": np.median(found, axis=0).astype(int).tolist(),
        "largest": found.max(axis=0).tolist(),
    }


def lines(report):
    """Yields the lines that a command prints about a report."""
    yield f"data: {report['data']}"
    if "splits" in report:
        yield "splits: " + ", ".join(f"{name} {count}" for name, count in report["splits"].items())
        if report["sizes"]:
            sizes = (f"{name} {h} x {w}" for name, (h, w) in report["sizes"].items())
            yield f"sizes (height x width): {', '.join(sizes)}; channels: {report['channels']}"
        if report["classes"]:
            yield f"{report['count_of']} per class (train / val / test):"
        for entry in report["classes"]:
            yield f"  {entry['name']}: {entry['train']} / {entry['val']} / {entry['test']}"
        yield from (f"note: {line}" for line in report["notes"])
        yield from (f"left out: {line}" for line in report["left_out"])
    yield from (f"problem: {line}" for line in report["problems"])
    yield "fit would stop" if report["problems"] else "fit can use the data"
