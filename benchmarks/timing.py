"""Functions of all benchmarks: interleaved timing, import time, and facts about the machine."""

import datetime
import importlib.metadata
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import time

THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
RESULTS = pathlib.Path(__file__).with_name("results")


def interleaved(steps, repetitions):
    """Runs all steps in turn, `repetitions` times, and returns {name: list of seconds}."""
    seconds = {name: [] for name in steps}
    for _ in range(repetitions):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def import_seconds(repetitions):
    """Returns the median seconds of importing Keras, and of importing this package after it."""
    program = (
        "import time; start = time.perf_counter(); import keras; middle = time.perf_counter(); "
        "import keras_cnn_zoo; print(middle - start, time.perf_counter() - middle)"
    )
    pairs = []
    for _ in range(repetitions + 1):
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        pairs.append([float(word) for word in done.stdout.split()])
    # The first run fills the disk cache.
    return [statistics.median(values) for values in zip(*pairs[1:], strict=True)]


def processor():
    """Returns the processor's name, or its architecture if the system does not provide a name."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def machine(versions, load_before):
    """Returns a dict of the facts on which the results depend."""
    names = ("keras", "tensorflow", "numpy")
    return {
        "processor": processor(),
        "threads": THREADS,
        "load_before_and_after": [load_before, os.getloadavg()[0]],
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in names},
        **versions,
        "date": datetime.date.today().isoformat(),
    }
