"""`python -m benchmarks.small_folders`: the test metrics after fine-tuning on few images for a given time.

Of the training images, as many as asked for are used, evenly spread; a tenth of them, at least one, is val.
The test split is measured as a whole. Each run is the command `fit` in a separate process, so another
checkout of the package can be measured as well. Results are added to the JSON file as they come, and runs
that it already has are skipped.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

from benchmarks.timing import RESULTS, machine, processor

LITE = ("--backbone", "efficientnet_lite0_imagenet")
# Where a network starts from: further options of `fit`, by task.
STARTS = {
    "default": {"segmentation": (), "detection": ()},
    "scratch": {
        "segmentation": ("--model", "deeplab", "--backbone", "efficientnet_lite0"),
        "detection": ("--model", "faster_rcnn", "--backbone", "efficientnet_lite0"),
    },
    "ImageNet": {
        "segmentation": ("--model", "deeplab", *LITE),
        "detection": ("--model", "faster_rcnn", *LITE),
    },
    "ImageNet, frozen": {
        "segmentation": ("--model", "deeplab", *LITE, "--freeze", "backbone"),
        "detection": ("--model", "faster_rcnn", *LITE, "--freeze", "backbone"),
    },
}
METRICS = {"segmentation": "mean_iou", "detection": "map50"}


def write_splits(task, spec, count, path):
    """Writes a split file with `count` training images, evenly spread, a tenth of them for val."""
    from keras_cnn_zoo import data

    source = data.load(spec, task=task)
    names = source.splits["train"].names
    chosen = [names[i] for i in np.linspace(0, len(names) - 1, count).round().astype(int)]
    held = set(chosen[5::10] or chosen[-1:])
    lines = [f"{'val' if name in held else 'train'}\t{name}" for name in chosen]
    lines += [f"test\t{name}" for name in source.splits["test"].names]
    pathlib.Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


def run(task, spec, splits, start, options, seed, checkout):
    """Runs `fit` and returns the metrics of test, the number of epochs, and the minutes it took."""
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "run")
        command = [sys.executable, "-m", f"applications.{task}", "fit", "--data", spec, "--out", out]
        command += ["--split-file", splits, "--seed", str(seed), *STARTS[start][task], *options]
        environment = {**os.environ, "PYTHONPATH": str(checkout)}
        began = time.monotonic()
        subprocess.run(command, check=True, cwd=checkout, env=environment, stdout=subprocess.DEVNULL)
        minutes = (time.monotonic() - began) / 60
        metrics = json.loads(pathlib.Path(out, "metrics.json").read_text(encoding="utf-8"))
        rows = pathlib.Path(out, "history.csv").read_text(encoding="utf-8").splitlines()
    return {METRICS[task]: metrics[METRICS[task]], "epochs": len(rows) - 1, "minutes": round(minutes, 2)}


def table(results):
    """Returns the results as a Markdown table: the median, and the lowest and highest value, over seeds."""
    groups = {}
    for result in results:
        options = " ".join(result["options"])
        maker = result["processor"].split("(")[0].split()[0]
        key = (result["data"], result["images"], result["start"], result["label"], options, maker)
        groups.setdefault(key, []).append(result)
    lines = [
        "| data | images | start | version | options | test (lowest, highest) | seeds | epochs | minutes "
        "| processor |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for (name, images, start, label, options, maker), found in sorted(groups.items()):
        metric = METRICS[found[0]["task"]]
        values = [result[metric] for result in found]
        spread = f" ({min(values):.3f}, {max(values):.3f})" if len(values) > 1 else ""
        epochs, minutes = (
            statistics.median(result[key] for result in found) for key in ("epochs", "minutes")
        )
        lines.append(
            f"| {name} | {images} | {start} | {label} | {options} "
            f"| {metric} {statistics.median(values):.3f}{spread} "
            f"| {len(values)} | {epochs:g} | {minutes:.1f} | {maker} |"
        )
    return "\n".join(lines) + "\n"


def main():
    """Runs every combination that was asked for, and writes JSON and a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--segmentation", help="data spec of a segmentation data set")
    parser.add_argument("--detection", help="data spec of a detection data set")
    parser.add_argument("--counts", type=int, nargs="+", default=(10, 50))
    parser.add_argument("--starts", nargs="+", default=["default", "ImageNet"], choices=list(STARTS))
    parser.add_argument("--seeds", type=int, nargs="+", default=(0, 1, 2))
    parser.add_argument("--checkout", default=os.getcwd(), help="folder of the checkout to measure")
    parser.add_argument("--label", default="now", help="name of that checkout in the table")
    parser.add_argument("--out", default=RESULTS / "small_folders.json", type=pathlib.Path)
    parser.add_argument("options", nargs="*", help="further options of fit, after --: -- --minutes 2")
    asked = parser.parse_args()
    kept = json.loads(asked.out.read_text(encoding="utf-8")) if asked.out.exists() else {"results": []}
    load = os.getloadavg()[0]
    for task in METRICS:
        spec = getattr(asked, task)
        for count in asked.counts if spec else ():
            with tempfile.TemporaryDirectory() as folder:
                splits = os.path.join(folder, "splits.tsv")
                write_splits(task, spec, count, splits)
                for start in asked.starts:
                    for seed in asked.seeds:
                        facts = {
                            "task": task,
                            "data": os.path.basename(spec.rstrip("/")),
                            "images": count,
                            "start": start,
                            "seed": seed,
                            "label": asked.label,
                            "options": asked.options,
                            "processor": processor(),
                        }
                        if any(facts.items() <= result.items() for result in kept["results"]):
                            continue
                        figures = run(task, spec, splits, start, asked.options, seed, asked.checkout)
                        print({**facts, **figures}, flush=True)
                        kept["results"].append({**facts, **figures})
                        kept["machine"] = machine({}, load)
                        asked.out.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
                        asked.out.with_suffix(".md").write_text(table(kept["results"]), encoding="utf-8")


if __name__ == "__main__":
    main()
