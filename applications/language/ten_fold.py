"""`python -m applications.language.ten_fold --data lines:PATH --out DIR`: ten-fold cross-validation.

The folds are read from a file with one line per example: its fold from 1 to 10, a tab, and its name. Each
fold is the test split once. A random tenth of the other nine folds is val, which selects the epoch; the rest
is train. Writes a split file and a run folder for each fold, and `ten_fold.json`. With `--resume`, continues
a stopped run.
"""

import json
import os
from typing import Annotated

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import typer

from keras_cnn_zoo import tasks
from keras_cnn_zoo.cli.errors import one_line_errors
from keras_cnn_zoo.data import Split
from keras_cnn_zoo.data.files.text import read_lines
from keras_cnn_zoo.training.run_folder import RunFolder
from keras_cnn_zoo.utils.errors import InputError
from keras_cnn_zoo.utils.files import write_text

FOLDS = 10
VAL_SHARE = 0.1
# The folds of the movie reviews (MR), used for the results in the README.
MR_FOLDS = os.path.join(os.path.dirname(__file__), "mr_folds.tsv")


def draw_folds(names, labels, seed):
    """Returns the fold of each example, 1 to 10, as an array. Every class is spread evenly over the folds."""
    draw, folds = np.random.default_rng(seed), np.zeros(len(names), dtype="int64")
    for label in np.unique(labels):
        order = draw.permutation(np.flatnonzero(np.asarray(labels) == label))
        folds[order] = 1 + np.arange(len(order)) % FOLDS
    return folds


def read_folds(path, names):
    """Returns the fold of each of `names`, from a file of lines `fold<TAB>name`."""
    found = {}
    for number, line in enumerate(read_lines(path, "utf-8"), start=1):
        fold, tab, name = line.partition("\t")
        if not tab or not fold.isdigit() or not 1 <= int(fold) <= FOLDS:
            raise InputError(
                f"{path} line {number} must be `fold<TAB>name`, fold 1 to {FOLDS}. Received: {line!r}"
            )
        found[name] = int(fold)
    absent = [name for name in names if name not in found]
    if absent or len(found) != len(names):
        what = f"lacks {absent[0]}" if absent else f"has {len(found)} examples, the data {len(names)}"
        raise InputError(f"{path} was made for other data: it {what}. Draw new folds with --folds new")
    return np.array([found[name] for name in names])


def split_lines(names, folds, fold, seed):
    """Yields the lines of a split file in which `fold` is test and a random tenth of the rest is val."""
    rest = np.flatnonzero(folds != fold)
    val = set(np.random.default_rng((seed, fold)).permutation(rest)[: round(VAL_SHARE * len(rest))])
    for position, name in enumerate(names):
        kind = "test" if folds[position] == fold else "val" if position in val else "train"
        yield f"{kind}\t{name}"


def train(task, data, out, lines, fold, options, resume):
    """Returns the metrics of one fold. A finished fold is not trained again."""
    file = os.path.join(out, f"fold_{fold}.tsv")
    write_text(file, "\n".join(lines) + "\n")
    folder = RunFolder(os.path.join(out, f"fold_{fold}"))
    if not (resume and os.path.exists(folder.file("metrics.json"))):
        tasks.fit(
            task,
            tasks.FitOptions(
                data=data,
                data_options={"split_file": file},
                out=folder.path,
                resume=resume and os.path.exists(folder.file("config.json")),
                **options,
            ),
        )
        keras.backend.clear_session()
    history = [row for row in _history(folder) if row.get("val_accuracy")]
    return {**folder.read_json("metrics.json"), "val": max(float(row["val_accuracy"]) for row in history)}


def _history(folder):
    import csv

    with open(folder.file("history.csv"), encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@one_line_errors
def main(
    data: Annotated[str, typer.Option(help="FORMAT:PATH of data without splits")],
    out: Annotated[str, typer.Option(help="folder to write to")],
    folds: Annotated[str, typer.Option(help="mr, new (drawn with --seed), or a file of folds")] = "mr",
    only: Annotated[str | None, typer.Option(help="folds to run, such as 1,2")] = None,
    variant: str | None = None,
    width: float | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    jit: Annotated[str, typer.Option(help="auto, on, or off")] = "auto",
    seed: int = 0,
    resume: bool = False,
):
    """Runs ten-fold cross-validation of the task's network."""
    task = tasks.Language()
    everything = Split.concatenate(task.load(data).splits.values())
    order = np.argsort(everything.names)
    names, labels = [everything.names[i] for i in order], everything.labels[order]
    if folds == "new":
        of_example = draw_folds(names, labels, seed)
    else:
        of_example = read_folds(MR_FOLDS if folds == "mr" else folds, names)
    chosen = (
        range(1, FOLDS + 1) if only is None else [int(fold) for fold in only.split(",") if fold.isdigit()]
    )
    if not chosen or not set(chosen) <= set(range(1, FOLDS + 1)):
        raise InputError(f"--only must name folds from 1 to {FOLDS}, such as 1,2. Received: {only!r}")
    os.makedirs(out, exist_ok=True)
    write_text(
        os.path.join(out, "folds.tsv"),
        "".join(f"{fold}\t{name}\n" for fold, name in zip(of_example, names, strict=True)),
    )
    options = {
        "variant": variant,
        "width": width,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "jit": jit,
        "seed": seed,
    }
    measured = {}
    for fold in chosen:
        lines = split_lines(names, of_example, fold, seed)
        measured[fold] = train(task, data, out, lines, fold, options, resume)
        print(f"fold {fold}: {measured[fold]['accuracy']:.4f}", flush=True)
    accuracy = [metrics["accuracy"] for metrics in measured.values()]
    result = {
        "accuracy": {fold: metrics["accuracy"] for fold, metrics in measured.items()},
        "val_accuracy": {fold: metrics["val"] for fold, metrics in measured.items()},
        "mean": float(np.mean(accuracy)),
        "standard_deviation": float(np.std(accuracy, ddof=1)) if len(accuracy) > 1 else None,
        "data": data,
        "options": options,
    }
    write_text(os.path.join(out, "ten_fold.json"), json.dumps(result, indent=2) + "\n")
    print(f"mean {result['mean']:.4f}, from {min(accuracy):.4f} to {max(accuracy):.4f}")


if __name__ == "__main__":
    typer.run(main)
