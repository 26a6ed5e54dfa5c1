"""Measures time and peak memory of segmentation and detection networks, and of those of other libraries.

`python -m benchmarks.networks` writes `benchmarks/results/networks.json` and `networks.md`. Every candidate
runs in a separate process, so that its memory can be measured. The candidates take turns in one run, and
results are medians. A training step is forward, loss, backward, and a step of SGD, in float32. Detectors are
compared up to the logits and deltas of all anchors, because the later steps are different algorithms in each
library.

torchvision, segmentation_models_pytorch, and KerasHub are optional. The networks of torchvision do not need
its compiled operators, so this is sufficient: `pip install --no-deps torchvision timm
segmentation-models-pytorch huggingface-hub`, and `pip install keras-hub`.
"""

import argparse
import importlib
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

from benchmarks.candidates import CLASSES, GROUPS, TORCH, keras_steps, torch_steps
from benchmarks.timing import RESULTS, machine


def peak():
    """Returns the peak memory of this process so far, in MiB."""
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def serve(name, mode):
    """Runs a child process: reads lines "STEP COUNT", and prints the seconds and the peak memory as JSON."""
    if mode == "eager":
        importlib.import_module("torch")
    else:
        importlib.import_module("tensorflow")
    empty = peak()
    try:
        steps, count = torch_steps(name) if mode == "eager" else keras_steps(name, mode == "xla")
    except ImportError as error:
        print(json.dumps({"error": str(error).splitlines()[0]}), flush=True)
        return
    print(json.dumps({"parameters": count, "framework": empty}), flush=True)
    for line in sys.stdin:
        step, count = line.split()
        seconds = []
        try:
            for _ in range(int(count)):
                start = time.perf_counter()
                steps[step]()
                seconds.append(time.perf_counter() - start)
        except Exception as error:
            # That XLA cannot compile a network is a result too.
            print(json.dumps({"error": str(error).strip().splitlines()[0][:200]}), flush=True)
        else:
            print(json.dumps({"seconds": seconds, "peak": peak()}), flush=True)


class Candidate:
    """A network in a separate process, and its measurements."""

    def __init__(self, name, mode):
        self.name, self.mode = name, mode
        command = [sys.executable, "-m", "benchmarks.networks", "--serve", name, mode]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.facts = self._answer()
        self.seconds = {"inference": [], "training": []}
        self.peaks, self.errors = {}, {}

    def _answer(self):
        # Skip the lines that TensorFlow prints.
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        return {"error": "the process ended"}

    def turn(self, step, repetitions, *, counts=True):
        if "error" in self.facts or step in self.errors:
            return
        try:
            self.process.stdin.write(f"{step} {repetitions}\n")
            self.process.stdin.flush()
            answer = self._answer()
        except BrokenPipeError:
            answer = {"error": "the process ended"}
        if "error" in answer:
            self.errors[step] = answer["error"]
        elif counts:
            self.seconds[step].extend(answer["seconds"])
            self.peaks[step] = answer["peak"]

    def result(self):
        """Returns the measurements for the report."""
        found = {
            "name": self.name,
            "mode": self.mode,
            **self.facts,
            "errors": self.errors,
            "peak": self.peaks,
        }
        found["milliseconds"] = {
            step: 1e3 * statistics.median(values) for step, values in self.seconds.items() if values
        }
        return found

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def measure(group, modes, rounds, repetitions):
    """Returns the results of a group's candidates, which take turns. `modes` apply to Keras networks."""
    candidates = []
    for name, package in group[1].items():
        if importlib.util.find_spec(package) is not None:
            own = ("eager",) if package in TORCH else modes
            candidates += [Candidate(name, mode) for mode in own]
    # Inference first: the peak memory would include that of an earlier training step.
    for step in ("inference", "training"):
        for candidate in candidates:
            candidate.turn(step, 1, counts=False)
        for _ in range(rounds):
            for candidate in candidates:
                candidate.turn(step, repetitions)
    for candidate in candidates:
        candidate.end()
    return [candidate.result() for candidate in candidates]


def as_markdown(report):
    """Returns a table per group: throughput, and peak memory without that of the framework."""
    lines = [
        "# Networks: throughput and memory against peers",
        "",
        f"{CLASSES} classes, float32. Images per second are from medians of interleaved runs. Memory is the "
        "peak of the process minus that of the imported framework. "
        "Written by `python -m benchmarks.networks`.",
        "",
    ]
    for title, results in report["groups"].items():
        batch, (height, width) = GROUPS[title][0]
        lines += [
            f"## {title}",
            "",
            f"{batch} images of {height} x {width}.",
            "",
            "| network | mode | parameters, M | inference, images/s | training, images/s "
            "| inference, MiB | training, MiB |",
            "|---|---|---|---|---|---|---|",
        ]
        for row in results:
            if "error" in row:
                lines.append(f"| {row['name']} | {row['mode']} | does not run: {row['error']} | | | | |")
                continue
            cells = [row["name"], row["mode"], f"{row['parameters'] / 1e6:.1f}"]
            for step in ("inference", "training"):
                time_taken = row["milliseconds"].get(step)
                cells.append("fails" if time_taken is None else f"{1e3 * batch / time_taken:.2f}")
            for step in ("inference", "training"):
                memory = row["peak"].get(step)
                cells.append("" if memory is None else f"{memory - row['framework']:.0f}")
            lines.append("| " + " | ".join(cells) + " |")
        lines.append("")
        for row in results:
            for step, error in row.get("errors", {}).items():
                # The first words are enough: then TensorFlow lists nodes of the graph.
                reason = error.partition(" for ")[0]
                lines += [f"{row['name']}, {row['mode']}, {step}: {reason}.", ""]
    lines.append("Machine: " + ", ".join(f"{key} {value}" for key, value in report["machine"].items()) + ".")
    return "\n".join(lines) + "\n"


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="benchmarks.networks", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="number of turns of every candidate")
    parser.add_argument("--repetitions", type=int, default=2, help="number of runs per turn")
    parser.add_argument("--modes", default="graph,xla", help="of Keras networks: graph, xla, or graph,xla")
    parser.add_argument("--groups", default="", help="run only groups whose title contains this")
    parser.add_argument("--out", type=pathlib.Path, default=RESULTS, help="folder of networks.json and .md")
    parser.add_argument("--serve", nargs=2, metavar=("NAME", "MODE"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.serve:
        serve(*options.serve)
        return
    chosen = {title: group for title, group in GROUPS.items() if options.groups in title}
    modes = options.modes.split(",")
    if options.rounds < 1 or options.repetitions < 1 or not chosen or not set(modes) <= {"graph", "xla"}:
        parser.error(
            "--rounds and --repetitions must be at least 1, --groups part of a title, --modes graph or xla"
        )
    load = os.getloadavg()[0]
    groups = {
        title: measure(group, modes, options.rounds, options.repetitions) for title, group in chosen.items()
    }
    peers = {"torch": "torch", "torchvision": "torchvision", "keras_hub": "keras-hub"}
    peers["segmentation_models_pytorch"] = "segmentation-models-pytorch"
    versions = {
        package: importlib.metadata.version(distribution)
        for package, distribution in peers.items()
        if importlib.util.find_spec(package) is not None
    }
    report = {"machine": machine(versions, load), "groups": groups}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "networks.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    markdown = as_markdown(report)
    (options.out / "networks.md").write_text(markdown, encoding="utf-8")
    print(markdown)


if __name__ == "__main__":
    main()
