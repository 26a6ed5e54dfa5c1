"""Peak memory of a step, in processes whose allocators give everything back at once.

TensorFlow's and glibc's allocators keep what they once had, so that a process's high-water mark tells of the
greediest step before rather than of this one. With both told not to, the resident set falls back between
steps, and the mark, which Linux lets a process reset, is that of one step. Inputs, weights and code are not
in it; activations, gradients and scratch space are.
"""

import dataclasses
import importlib.util
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

STEPS, PATIENCE = 5, 2.0
# The kernel counts pages by processor and is wrong by some hundred kilobytes, so that less than LEAST MB
# makes no ratio. A loss of vectors needs a batch GROWTH or GROWTH^2 times as large, unless it takes ENOUGH MB
# by itself.
LEAST, ENOUGH, GROWTH, LARGEST_FACTOR = 4.0, 16.0, 8, 64
# Blocks from 64 KiB on come from the system and go back to it.
ALLOCATORS = {
    "TF_ONEDNN_USE_SYSTEM_ALLOCATOR": "1",
    "MALLOC_MMAP_THRESHOLD_": str(2**16),
    "MALLOC_TRIM_THRESHOLD_": str(2**17),
    "MALLOC_ARENA_MAX": "2",
}


def measure(families):
    """Medians in MB (10^6 bytes).

    Args:
        families: Names of `FAMILIES`.

    Returns:
        `(parts, peers)`, empty where the system is not Linux or a process failed: {family: {part: found}},
        found having "megabytes" {mode: MB} of our part at its shape, and "larger" {"own" or "sibling":
        {mode: MB}} at a batch "factor" times as large; and {peer: MB} at its shape.
    """
    if not pathlib.Path("/proc/self/clear_refs").exists():
        return {}, {}
    # Not above: it loads TensorFlow, which has no place in the process of the peers.
    from benchmarks.layers.families import FAMILIES

    wanted = sorted({part.peer for family in families for part in FAMILIES[family].values()} - {None})
    # A part after the other in one process, PyTorch's in another: each would count the other's threads.
    return _child("parts", families), _child("peers", wanted) if wanted else {}


def _child(what, names):
    """What the process found; nothing, and a line about it, where it failed: the times stand without it."""
    command = [sys.executable, "-m", "benchmarks.layers.memory", what, *names]
    done = subprocess.run(command, env={**os.environ, **ALLOCATORS}, stdout=subprocess.PIPE)
    if done.returncode:
        print(f"memory of {what}: not measured, the process ended with {done.returncode}", file=sys.stderr)
        return {}
    return json.loads(done.stdout)


def peak(step):
    """Median in MB of what `step` adds to the resident set while it runs; of one run where it takes long."""
    step()
    start = time.perf_counter()
    step()
    added = []
    for _ in range(STEPS if time.perf_counter() - start < PATIENCE else 1):
        before = _kilobytes("VmRSS")
        pathlib.Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets VmHWM
        outputs = step()
        added.append(_kilobytes("VmHWM") - before)
        del outputs
    return statistics.median(added) * 1024 / 1e6


def _kilobytes(field):
    status = pathlib.Path("/proc/self/status").read_text(encoding="ascii")
    return int(re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE).group(1))


def _parts(families):
    from benchmarks.layers.families import FAMILIES

    found = {}
    for family in families:
        found[family] = {}
        for name, part in FAMILIES[family].items():
            print(f"memory, {family}: {name}", file=sys.stderr, flush=True)
            found[family][name] = _larger_batches(part)
    return found


def _larger_batches(part):
    """Peaks at the part's own batch, and at the first larger one whose sibling can be told from noise."""
    first = peaks = _peaks(part)
    factor = 1
    while peaks["sibling"]["graph"] < LEAST and peaks["own"]["graph"] < ENOUGH and factor < LARGEST_FACTOR:
        factor *= GROWTH
        peaks = _peaks(part, factor)
    return {"megabytes": first["own"], "factor": factor, "larger": peaks}


def _peaks(part, factor=1):
    from benchmarks.layers.steps import prepare

    part = dataclasses.replace(
        part,
        shape=_scaled(part.shape, factor),
        sibling_shape=part.sibling_shape and _scaled(part.sibling_shape, factor),
    )
    peaks = {"own": {}, "sibling": {}}
    for (who, mode), step in prepare(part)[0].items():
        peaks[who][mode] = peak(step)
    return peaks


def _scaled(shape, factor):
    return (shape[0] * factor, *shape[1:])


def _peers(wanted):
    from benchmarks.layers.peers import steps

    if importlib.util.find_spec("torch") is None:
        return {}
    found = {}
    for name, step in steps().items():
        plain = name.partition(" | ")[0]
        if plain in wanted:
            found[plain] = min(found.get(plain, float("inf")), peak(step))
    return found


if __name__ == "__main__":
    what, *names = sys.argv[1:]
    print(json.dumps(_parts(names) if what == "parts" else _peers(names)))
