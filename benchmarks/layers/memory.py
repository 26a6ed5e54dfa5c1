"""Peak memory of a step, in processes whose allocators return freed memory to the system at once.

By default, the allocators of TensorFlow and glibc keep freed memory, so the peak of a process is that of the
largest step so far. With the settings below, the resident set shrinks between steps. Its peak, which Linux
can reset, is then that of one step. It includes activations, gradients, and temporary memory, but not inputs,
weights, and code.
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
# The kernel counts pages per processor, with an error of some hundred kilobytes. So no ratio is computed
# below LEAST MB. Losses on vectors are measured at a batch GROWTH or GROWTH^2 times as large, unless they
# take ENOUGH MB.
LEAST, ENOUGH, GROWTH, LARGEST_FACTOR = 4.0, 16.0, 8, 64
# Blocks of at least 64 KiB are allocated from the system and returned to it.
ALLOCATORS = {
    "TF_ONEDNN_USE_SYSTEM_ALLOCATOR": "1",
    "MALLOC_MMAP_THRESHOLD_": str(2**16),
    "MALLOC_TRIM_THRESHOLD_": str(2**17),
    "MALLOC_ARENA_MAX": "2",
}


def measure(families):
    """Returns medians in MB (10^6 bytes).

    Args:
        families: Names of `FAMILIES`.

    Returns:
        `(parts, peers)`, empty if the system is not Linux or a process failed. `parts` is {family: {part:
        found}}, where found has "megabytes" {mode: MB} of our part at its shape, and "larger" {"own" or
        "sibling": {mode: MB}} at a batch "factor" times as large. `peers` is {peer: MB} at its shape.
    """
    if not pathlib.Path("/proc/self/clear_refs").exists():
        return {}, {}
    # Imported here because it loads TensorFlow, which would add to the memory of the peers.
    from benchmarks.layers.families import FAMILIES

    peers = sorted({part.peer for family in families for part in FAMILIES[family].values()} - {None})
    # PyTorch runs in another process, because the threads of both libraries would count.
    return _child("parts", families), _child("peers", peers) if peers else {}


def _child(what, names):
    """Returns the results of a child process, or prints a line and returns {} if it failed."""
    command = [sys.executable, "-m", "benchmarks.layers.memory", what, *names]
    done = subprocess.run(command, env={**os.environ, **ALLOCATORS}, stdout=subprocess.PIPE)
    if done.returncode:
        print(f"memory of {what} was not measured: exit code {done.returncode}", file=sys.stderr)
        return {}
    return json.loads(done.stdout)


def peak(step):
    """Returns the median in MB by which a step raises the resident set, or that of one run if it is slow."""
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
    """Returns peaks at the part's batch, and at the first larger batch whose sibling is above the noise."""
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


def _peers(names):
    from benchmarks.layers.peers import steps

    if importlib.util.find_spec("torch") is None:
        return {}
    found = {}
    for name, step in steps().items():
        plain = name.partition(" | ")[0]
        if plain in names:
            found[plain] = min(found.get(plain, float("inf")), peak(step))
    return found


if __name__ == "__main__":
    what, *names = sys.argv[1:]
    print(json.dumps(_parts(names) if what == "parts" else _peers(names)))
