"""Compares the tracker with OpenCV's KCF in the same run: accuracy and frames per second.

    python -m benchmarks.tracking --data otb:PATH [--preset NAME]

Both get the first box, and every frame as a decoded array: reading and decoding are not timed. OpenCV and
TensorFlow use the same number of threads. Writes `results/tracking.json` and `results/tracking.md`. Needs the
extra `benchmarks`.
"""

import argparse
import importlib.metadata
import json
import os
import pathlib
import time

from benchmarks.timing import RESULTS, THREADS, machine

PEER = "opencv-contrib-python-headless"


def kcf(frames, box):
    """Returns the boxes of OpenCV's KCF and the seconds of its updates. A lost target keeps its last box."""
    import cv2
    import numpy as np

    cv2.setNumThreads(THREADS)
    tracker = cv2.TrackerKCF_create()
    # OpenCV uses BGR images and boxes in whole pixels.
    tracker.init(np.ascontiguousarray(frames[0][..., ::-1]), tuple(int(round(value)) for value in box))
    boxes, seconds = [np.asarray(box, "float64")], 0.0
    for frame in frames[1:]:
        image = np.ascontiguousarray(frame[..., ::-1])
        start = time.perf_counter()
        found, answer = tracker.update(image)
        seconds += time.perf_counter() - start
        boxes.append(np.asarray(answer, "float64") if found else boxes[-1])
    return np.stack(boxes), seconds


def network(model, frames, box):
    """Returns the boxes of our tracker and the seconds of its updates."""
    import numpy as np

    tracker = model.tracker()
    tracker.start(frames[0], box)
    tracker.update(frames[0])  # compiles
    tracker.start(frames[0], box)
    boxes, seconds = [np.asarray(box, "float64")], 0.0
    for frame in frames[1:]:
        start = time.perf_counter()
        boxes.append(tracker.update(frame))
        seconds += time.perf_counter() - start
    return np.stack(boxes), seconds


def still(frames, box):
    """Returns the first box for every frame, in no time."""
    import numpy as np

    return np.repeat(np.asarray(box, "float64")[None], len(frames), axis=0), 0.0


def measure(sequences, trackers):
    """Returns {name: {"auc", "precision20", "frames_per_second", "sequences": [...]}}."""
    from keras_cnn_zoo.metrics import SuccessAUC, TrackingPrecision

    table = {}
    for name, follow in trackers.items():
        auc, precision, seconds, steps, each = SuccessAUC(), TrackingPrecision(20), 0.0, 0, []
        for sequence in sequences:
            frames = [sequence["frames"][position] for position in range(len(sequence["frames"]))]
            boxes, spent = follow(frames, sequence["boxes"][0])
            own = SuccessAUC()
            for metric in (auc, precision, own):
                metric.update_state(sequence["boxes"], boxes)
            each.append({"name": sequence["name"], "frames": len(frames), "auc": float(own.result())})
            seconds, steps = seconds + spent, steps + len(frames) - 1
        table[name] = {
            "auc": float(auc.result()),
            "precision20": float(precision.result()),
            "frames_per_second": steps / seconds if seconds else None,
            "sequences": each,
        }
    return table


def as_markdown(report):
    """Returns the table as Markdown."""
    lines = [
        "# Tracking: against OpenCV's KCF",
        "",
        f"One-pass evaluation on {report['data']} ({report['frames']} frames), all in one run on "
        f"{THREADS} threads. Frames per second are those of the updates, without decoding. "
        "Written by `python -m benchmarks.tracking`.",
        "",
        "| tracker | AUC | precision at 20 pixels | frames/s |",
        "|---|---|---|---|",
    ]
    for name, row in report["trackers"].items():
        speed = "" if row["frames_per_second"] is None else f"{row['frames_per_second']:.1f}"
        lines.append(f"| {name} | {row['auc']:.4f} | {row['precision20']:.4f} | {speed} |")
    facts = ", ".join(f"{name} {value}" for name, value in report["machine"].items())
    return "\n".join([*lines, "", f"Machine: {facts}."]) + "\n"


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="benchmarks.tracking", description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="data with test sequences, such as otb:PATH")
    parser.add_argument("--preset", default="siamfc_pairs", help="name or path of a preset")
    parser.add_argument("--run", help="a run folder, instead of a preset")
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS)
    options = parser.parse_args(arguments)
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", str(THREADS))
    from keras_cnn_zoo.tasks import Tracking
    from keras_cnn_zoo.training.trained_model import load_model

    load_before = os.getloadavg()[0]
    task = Tracking()
    source = task.load(options.data)
    preset = None if options.run else options.preset
    model = load_model(task, run=options.run, preset=preset).model
    sequences = list(task.sequences(source, "test"))
    trackers = {
        "KCF (OpenCV)": kcf,
        options.run or options.preset: lambda frames, box: network(model, frames, box),
        "the first box": still,
    }
    versions = {PEER: importlib.metadata.version(PEER)}
    report = {
        "data": source.name.rpartition("/")[2] or source.name,
        "frames": sum(len(sequence["frames"]) for sequence in sequences),
        "trackers": measure(sequences, trackers),
        "machine": machine(versions, load_before),
    }
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "tracking.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    markdown = as_markdown(report)
    (options.out / "tracking.md").write_text(markdown, encoding="utf-8")
    print(markdown)


if __name__ == "__main__":
    main()
