"""Times non-maximum suppression and RoIAlign for different numbers of boxes, here and in other libraries.

`python -m benchmarks.detection` writes `benchmarks/results/detection.json` and `detection.md`. All candidates
take turns, and results are medians. torchvision and KerasHub are optional. If torchvision's compiled
operators are missing, the Python version of its RoIAlign is timed. PyTorch runs in a child process with the
same number of threads, while TensorFlow waits.
"""

import argparse
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import statistics
import subprocess
import sys

from benchmarks.candidates import import_torchvision
from benchmarks.timing import RESULTS, THREADS, interleaved, machine

SUPPRESSION_SIZES = (250, 500, 1000, 2000, 4000, 8000)
ALIGN_SIZES = (64, 128, 256, 512, 1024)
KEPT = 100
MAP = (1, 50, 68, 256)
PARTS = ("suppression", "align")


def boxes_and_scores(count, seed=0):
    """Returns boxes of 10 to 100 pixels in an image of 800 x 1088, and scores without ties."""
    import numpy as np

    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, (988, 700), (1, count, 2))
    sizes = rng.uniform(10, 100, (1, count, 2))
    boxes = np.concatenate([corners, corners + sizes], axis=-1).astype("float32")
    return boxes, rng.permutation(count).reshape(1, count, 1).astype("float32") / count + 1e-3


def has(package):
    """Returns whether a package is installed."""
    return importlib.util.find_spec(package) is not None


def suppression_candidates():
    """Returns {name: function(boxes, scores)} for TensorFlow."""
    import tensorflow as tf

    from keras_cnn_zoo.layers import NonMaxSuppression

    own = NonMaxSuppression(KEPT, iou_threshold=0.5, score_threshold=0.0)
    candidates = {"NonMaxSuppression": lambda boxes, scores: own(boxes, scores)["boxes"]}
    candidates["tf.image.combined_non_max_suppression"] = lambda boxes, scores: (
        tf.image.combined_non_max_suppression(
            tf.expand_dims(boxes, 2), scores, KEPT, KEPT, iou_threshold=0.5, clip_boxes=False
        ).nmsed_boxes
    )
    if has("keras_hub"):
        import keras_hub

        peer = keras_hub.layers.NonMaxSuppression(
            "xyxy", False, iou_threshold=0.5, confidence_threshold=0.0, max_detections=KEPT
        )
        candidates["KerasHub NonMaxSuppression"] = lambda boxes, scores: peer(boxes, scores)["boxes"]
    return candidates


# XLA has no kernel for these.
GRAPH_ONLY = ("tf.image.combined_non_max_suppression",)


def suppression_steps(compiled):
    """Returns {"name|count": function without arguments}."""
    import tensorflow as tf

    steps = {}
    for name, function in suppression_candidates().items():
        if compiled and name in GRAPH_ONLY:
            continue
        for count in SUPPRESSION_SIZES:
            boxes, scores = map(tf.constant, boxes_and_scores(count))
            traced = tf.function(function, jit_compile=compiled, autograph=False)
            steps[f"{name}|{count}"] = lambda traced=traced, boxes=boxes, scores=scores: traced(
                boxes, scores
            ).numpy()
    return steps


def align_steps(compiled):
    """Returns the steps of RoIAlign: forward, and forward and backward."""
    import numpy as np
    import tensorflow as tf

    from keras_cnn_zoo.layers import ROIAlign2D

    layer = ROIAlign2D(7, 1 / 16)
    features = tf.constant(np.random.default_rng(0).standard_normal(MAP).astype("float32"))
    steps = {}
    for count in ALIGN_SIZES:
        boxes = tf.constant(boxes_and_scores(count)[0])

        def forward(features, boxes):
            return tf.reduce_sum(tf.square(layer(features, boxes)))

        def both(features, boxes, forward=forward):
            with tf.GradientTape() as tape:
                tape.watch(features)
                loss = forward(features, boxes)
            return tape.gradient(loss, features)

        for name, function in (("forward", forward), ("forward and backward", both)):
            traced = tf.function(function, jit_compile=compiled, autograph=False)
            steps[f"ROIAlign2D, {name}|{count}"] = lambda traced=traced, boxes=boxes: traced(
                features, boxes
            ).numpy()
    return steps


def torch_steps(part):
    """Returns the steps of torchvision, if it is installed."""
    import numpy as np
    import torch

    torch.set_num_threads(THREADS)
    if not has("torchvision"):
        return {}
    torchvision = import_torchvision()
    steps = {}
    if part == "suppression":
        for count in SUPPRESSION_SIZES:
            boxes, scores = (torch.tensor(each[0]) for each in boxes_and_scores(count))
            steps[f"torchvision nms|{count}"] = lambda boxes=boxes, scores=scores: torchvision.ops.nms(
                boxes, scores[:, 0], 0.5
            )
    if part == "align":
        features = np.random.default_rng(0).standard_normal(MAP).astype("float32").transpose(0, 3, 1, 2)
        features = torch.tensor(features.copy(), requires_grad=True)
        function, words = torchvision.ops.roi_align, "torchvision roi_align"
        if not torchvision.extension._has_ops():
            # torchvision then uses its Python version.
            words += " in Python"
        arguments = {"output_size": 7, "spatial_scale": 1 / 16, "sampling_ratio": 2, "aligned": True}
        try:
            function(features, torch.zeros(1, 5), **arguments)
        except (RuntimeError, NotImplementedError):
            from torchvision.ops.roi_align import _roi_align

            function, words = _roi_align, "torchvision roi_align in Python"
            arguments = {
                "spatial_scale": 1 / 16,
                "pooled_height": 7,
                "pooled_width": 7,
                "sampling_ratio": 2,
                "aligned": True,
            }
        for count in ALIGN_SIZES:
            rows = np.concatenate([np.zeros((count, 1), "float32"), boxes_and_scores(count)[0][0]], axis=1)
            rows = torch.tensor(rows)

            def forward(rows=rows):
                with torch.no_grad():
                    return function(features, rows, **arguments)

            def both(rows=rows):
                features.grad = None
                function(features, rows, **arguments).square().sum().backward()

            steps[f"{words}, forward|{count}"] = forward
            steps[f"{words}, forward and backward|{count}"] = both
    return working(steps)


def working(steps):
    """Returns the steps that run, and prints the error of the others: torchvision may be incomplete."""
    found = {}
    for name, step in steps.items():
        try:
            step()
        except (RuntimeError, NotImplementedError) as error:
            print(f"{name} does not run: {str(error).splitlines()[0][:100]}", file=sys.stderr)
        else:
            found[name] = step
    return found


def serve_torch(part):
    """Runs the child process: reads numbers of repetitions, and prints the seconds as JSON."""
    steps = torch_steps(part)
    print(json.dumps({"steps": list(steps)}), flush=True)
    for line in sys.stdin:
        print(json.dumps(interleaved(steps, int(line))), flush=True)


def measure(part, rounds, repetitions):
    """Returns medians in milliseconds: {name: {count: {"graph" | "xla" | "eager": ms}}}."""
    make = {"suppression": suppression_steps, "align": align_steps}[part]
    steps = {"graph": make(False), "xla": make(True)}
    for each in steps.values():
        interleaved(each, 1)
    collected = {"graph": {}, "xla": {}, "eager": {}}
    command = [sys.executable, "-m", "benchmarks.detection", "--serve-torch", part]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        json.loads(child.stdout.readline())
        for _ in range(rounds):
            child.stdin.write(f"{repetitions}\n")
            child.stdin.flush()
            parts = {"eager": json.loads(child.stdout.readline())}
            parts |= {mode: interleaved(each, repetitions) for mode, each in steps.items()}
            for mode, seconds in parts.items():
                for name, values in seconds.items():
                    collected[mode].setdefault(name, []).extend(values)
        child.stdin.close()
    table = {}
    for mode, seconds in collected.items():
        for key, values in seconds.items():
            name, count = key.split("|")
            table.setdefault(name, {}).setdefault(count, {})[mode] = 1e3 * statistics.median(values)
    return table


TITLES = {
    "suppression": f"Suppression to {KEPT} boxes in one image and class, by number of boxes",
    "align": f"RoIAlign on {MAP[1]} x {MAP[2]} x {MAP[3]}, 7 x 7 cells, by number of boxes",
}


def as_markdown(report):
    """Returns a table for each part: milliseconds in every mode."""
    lines = ["# Detection: growth with the number of boxes", ""]
    lines += ["Milliseconds, medians of interleaved runs. Written by `python -m benchmarks.detection`.", ""]
    for part, table in report["milliseconds"].items():
        counts = sorted({count for row in table.values() for count in row}, key=int)
        lines += [f"## {TITLES[part]}", "", "| | mode | " + " | ".join(counts) + " |"]
        lines.append("|---|---|" + "---|" * len(counts))
        for name, row in table.items():
            for mode in ("graph", "xla", "eager"):
                if any(mode in row.get(count, {}) for count in counts):
                    figures = [f"{row.get(count, {}).get(mode, float('nan')):.2f}" for count in counts]
                    lines.append(f"| {name} | {mode} | " + " | ".join(figures) + " |")
        lines.append("")
    lines.append("Machine: " + ", ".join(f"{key} {value}" for key, value in report["machine"].items()) + ".")
    return "\n".join(lines) + "\n"


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="benchmarks.detection", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="number of turns of TensorFlow and PyTorch")
    parser.add_argument(
        "--repetitions", type=int, default=3, help="number of runs of every candidate per turn"
    )
    parser.add_argument("--parts", default=",".join(PARTS), help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS, help="folder of detection.json and .md")
    parser.add_argument("--serve-torch", choices=PARTS, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve_torch:
        serve_torch(options.serve_torch)
        return
    parts = options.parts.split(",")
    if options.rounds < 1 or options.repetitions < 1 or not set(parts) <= set(PARTS):
        parser.error(f"--rounds and --repetitions must be at least 1, --parts some of {', '.join(PARTS)}")
    load = os.getloadavg()[0]
    times = {part: measure(part, options.rounds, options.repetitions) for part in parts}
    peers = ("torch", "torchvision", "keras_hub")
    versions = {name: importlib.metadata.version(name) for name in peers if has(name)}
    report = {"machine": machine(versions, load), "milliseconds": times}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "detection.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    markdown = as_markdown(report)
    (options.out / "detection.md").write_text(markdown, encoding="utf-8")
    print(markdown)


if __name__ == "__main__":
    main()
