"""Times every layer and loss, a similar Keras layer, and a PyTorch layer: `python -m benchmarks.layers`.

Measures forward and backward in a TensorFlow graph and under XLA, and the compile time of XLA. All candidates
of a group take turns in one run, so that other load on the machine affects them equally; results are medians.
After each family, the layers of PyTorch run in a child process with as many threads, while TensorFlow waits.
If one run takes seconds, only three are timed. Then peak memory is measured in separate processes (see
`benchmarks.layers.memory`), and `--growth` repeats the step for several batch sizes, map sizes, and channels.

Writes layers.json, layers.md, and layers_growth.png to `benchmarks/results`.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

from benchmarks.layers import growth, memory, report
from benchmarks.layers.families import FAMILIES
from benchmarks.layers.steps import prepare
from benchmarks.timing import RESULTS, import_seconds, interleaved, machine


class Peers:
    """A child process that times the layers of PyTorch, or does nothing if PyTorch is not installed."""

    def __init__(self):
        command = [sys.executable, "-m", "benchmarks.layers.peers"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        answer = self.process.stdout.readline()
        self.versions = json.loads(answer)["versions"] if answer else {}
        self.seconds = {}

    def turn(self, repetitions, names):
        if not self.versions or not names:
            return
        self.process.stdin.write(json.dumps([repetitions, names]) + "\n")
        self.process.stdin.flush()
        for name, values in json.loads(self.process.stdout.readline()).items():
            self.seconds.setdefault(name, []).extend(values)

    def end(self):
        self.process.stdin.close()
        self.process.wait()

    def milliseconds(self):
        """Returns the median of each layer in its faster memory layout."""
        found = {}
        for name, values in self.seconds.items():
            plain = name.partition(" | ")[0]
            found[plain] = min(found.get(plain, float("inf")), 1e3 * statistics.median(values))
        return found


def measure(part, rounds, repetitions):
    """Returns the measurements of one part for the report."""
    steps, first, failures = prepare(part)
    interleaved(steps, 1)
    seconds = {key: [] for key in steps}
    for _ in range(rounds):
        for mode, count in (("graph", repetitions), ("xla", max(repetitions // 4, 1))):
            chosen = {key: step for key, step in steps.items() if key[1] == mode}
            for key, values in interleaved(chosen, count).items():
                seconds[key] += values
    result = {"against": part.against, "shape": part.shape, "peer": part.peer, "xla_failures": failures}
    for who in ("own", "sibling"):
        times = {mode: 1e3 * statistics.median(seconds[who, mode]) for key, mode in steps if key == who}
        result[who] = {
            "milliseconds": times,
            "xla_first_call_s": first.get((who, "xla")),
        }
    return result


def write(found, folder):
    """Writes layers.json and layers.md to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "layers.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    (folder / "layers.md").write_text(report.as_markdown(found), encoding="utf-8")


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="benchmarks.layers", description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="number of turns of the graph and of XLA")
    parser.add_argument(
        "--repetitions",
        type=int,
        default=8,
        help="number of runs per turn, a quarter under XLA; PyTorch runs rounds x repetitions",
    )
    parser.add_argument("--families", default=",".join(FAMILIES), help=f"some of {', '.join(FAMILIES)}")
    parser.add_argument(
        "--growth", action=argparse.BooleanOptionalAction, default=True, help="plot the growth too"
    )
    parser.add_argument(
        "--memory",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="measure peak memory too; Linux only",
    )
    parser.add_argument(
        "--out", type=pathlib.Path, default=RESULTS, help="folder of layers.json and layers.md"
    )
    options = parser.parse_args(arguments)
    families = options.families.split(",")
    if options.rounds < 1 or options.repetitions < 1 or not set(families) <= set(FAMILIES):
        parser.error(
            f"--rounds and --repetitions must be at least 1, --families some of {', '.join(FAMILIES)}"
        )
    load = os.getloadavg()[0]
    keras_seconds, library_seconds = import_seconds(5)
    peers, results = Peers(), {}
    for family in families:
        results[family] = {}
        for name, part in FAMILIES[family].items():
            print(f"{family}: {name}", file=sys.stderr, flush=True)
            results[family][name] = measure(part, options.rounds, options.repetitions)
        names = [part.peer for part in FAMILIES[family].values() if part.peer is not None]
        peers.turn(options.rounds * options.repetitions, names)
    peers.end()
    found = {
        "machine": machine(peers.versions, load),
        "import_seconds": {"keras": keras_seconds, "keras_cnn_zoo": library_seconds},
        "peers_milliseconds": peers.milliseconds(),
        "families": results,
    }
    found["limits"] = report.judge(found)
    write(found, options.out)
    if options.memory:
        found["megabytes"], found["peers_megabytes"] = memory.measure(families)
        write(found, options.out)
    if options.growth:
        found["growth"] = growth.measure(families, options.repetitions)
        growth.plot(found["growth"], options.out / "layers_growth.png")
        write(found, options.out)
    print(report.as_markdown(found))


if __name__ == "__main__":
    main()
