"""Cases on other backends: workers in the background, references from this process, outcomes collected.

case ── job.send_case ──► job file: addresses of the cases, pairs (case, guarantee) that are left
  │                         │
  │ reference.py            ▼ children.run_lane starts worker.py on JAX or PyTorch, again after a crash
  ▼                       stages.Stages: for each case
reference_N.npz ────────►   checks.CaseOnBackend: the same inputs and weights → outputs and gradients
  inputs, weights,          compare.difference: arrays here and there → C8, C4
  outputs, gradients        compilation.TpuCompiler: batches of programs → C9
                            │
Elsewhere.outcomes ◄────────┘ journal, one line per outcome
"""

import collections
import dataclasses
import importlib.util
import os
import pathlib
import tempfile
import threading
import time

import keras

from keras_cnn_zoo.testing.backends.children import Lane, run_lane
from keras_cnn_zoo.testing.backends.job import BackendOutcome, read_journal, send_case, write_reference
from keras_cnn_zoo.testing.backends.programs import FLOAT64_KINDS
from keras_cnn_zoo.testing.backends.reference import reference_arrays

BACKENDS = ("jax", "torch")

APPLICABLE = {
    "layer": ("C4", "C8", "C9"),
    "model": ("C4", "C8", "C9"),
    "loss": ("C4", "C8", "C9"),
    "regularizer": ("C4", "C8", "C9"),
    "initializer": ("C4", "C8"),
    "metric": ("C8",),
}
"""The guarantees that another backend can check on each kind; none on kinds that are not listed."""

NOT_APPLICABLE = {
    "initializer": {"C9": "an initializer runs once, uncompiled"},
    "metric": {"C9": "a metric may compute on the host"},
    "callback": dict.fromkeys(("C8", "C9"), "a callback computes on the host"),
    "backbone": dict.fromkeys(("C8", "C9"), "checked on the backbone as a model"),
    "task": dict.fromkeys(("C8", "C9"), "checked on the models of the task"),
    "reader": dict.fromkeys(("C8", "C9"), "a reader runs on the host"),
}
"""Why the rest does not apply, as in the registry of in-process checks."""

TPU_ENVIRONMENT = {
    "JAX_PLATFORMS": "cpu",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    "TPU_ACCELERATOR_TYPE": "v5e-4",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_SKIP_MDS_QUERY": "1",
}


def applies(lane, guarantee, case):
    """Returns whether a lane checks a guarantee on a case of this kind."""
    if lane.name.endswith("float64") and case.kind not in FLOAT64_KINDS:
        return False
    return guarantee in APPLICABLE.get(case.kind, ())


def lanes_for(backend):
    """Returns the processes to run for a backend, in order."""
    if backend == "torch":
        return [Lane("torch", "torch", ("C8", "C4"))]
    if backend == "jax":
        return [
            Lane("jax", "jax", ("C8", "C4", "C9"), {**TPU_ENVIRONMENT, "JAX_ENABLE_X64": "0"}),
            Lane("jax_float64", "jax", ("C4",), {"JAX_PLATFORMS": "cpu", "JAX_ENABLE_X64": "1"}),
        ]
    raise ValueError(f"`backends` may hold {', '.join(BACKENDS)}. Received: {backend!r}")


def default_cache():
    """Returns the folder for what was compiled: KERAS_CNN_ZOO_CACHE, else one in the user's cache folder."""
    own = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
    return pathlib.Path(os.environ.get("KERAS_CNN_ZOO_CACHE") or own / "keras_cnn_zoo")


def run_elsewhere(cases, *, backends=BACKENDS, **options):
    """Runs cases on other backends against the one of this process.

    Args:
        cases: Sequence of `Case`, importable by another process or picklable.
        backends: Which backends: "jax", "torch".
        **options: `cache`, `batch`, `step_seconds`, `seconds`: see `Elsewhere`.

    Returns:
        List of `BackendOutcome`: C4, C8 and C9, as far as they apply. C4 on JAX comes twice, from two
        processes, without and with 64-bit numbers.
    """
    with Elsewhere(cases, backends=backends, **options) as elsewhere:
        elsewhere.write_references()
        return [
            outcome
            for backend in elsewhere.backends
            for case in elsewhere.cases
            for outcome in elsewhere.outcomes(case, backend)
        ]


class Elsewhere:
    """Background runs of cases on other backends: a context manager that starts and, at its end, stops them.

    Args:
        cases: Sequence of `Case`, their ids all different.
        backends: Which backends: "jax", "torch".
        cache: Folder that keeps what JAX and the TPU compiler have done, between runs. Defaults to the
            environment variable KERAS_CNN_ZOO_CACHE, else a folder in the user's cache folder.
        batch: How many components go into one TPU compilation, unless memory is short.
        step_seconds: How long a worker may go without a result, in seconds for each case of its current step.
        seconds: How long all of it may take, in seconds.
    """

    def __init__(self, cases, *, backends=BACKENDS, cache=None, batch=10, step_seconds=600, seconds=3600):
        self.cases = list(cases)
        self.backends = tuple(dict.fromkeys(backends))
        self._lanes = [lane for backend in self.backends for lane in lanes_for(backend)]
        counts = collections.Counter(case.id for case in self.cases)
        repeated = [name for name, count in counts.items() if count > 1]
        if repeated:
            raise ValueError(f"`cases` must differ in their ids. Received twice: {', '.join(repeated)}")
        self._options = {
            "cache": str(cache or default_cache()),
            "batch": batch,
            "reference_seconds": seconds,
        }
        self._step_seconds, self._seconds = step_seconds, seconds
        self.peaks = {}
        """Peak memory in MB of each worker process, known when its backend is done."""
        self._found = {}
        self._news = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="contract on other backends", daemon=True)

    def __enter__(self):
        self._temporary = tempfile.TemporaryDirectory(prefix="contract_", ignore_cleanup_errors=True)
        self.folder = pathlib.Path(self._temporary.name)
        self._addresses = []
        for number, case in enumerate(self.cases):
            if case.kind not in APPLICABLE:
                continue
            try:
                self._addresses.append(send_case(case, self.folder, number))
            except TypeError as error:
                for lane in self._lanes:
                    self._settle([case], lane, "not run", str(error))
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._stop.set()
        self._thread.join()
        self._temporary.cleanup()

    def write_references(self, between=lambda: None):
        """Runs every case in this process, for the others to compare with; calls `between()` after each."""
        for address in self._addresses:
            if self._stop.is_set():
                return
            case = self.cases[address["number"]]
            try:
                arrays = reference_arrays(case)
            except Exception as error:
                arrays = f"{type(error).__name__} on {keras.backend.backend()}: {error}"
            write_reference(self.folder, address["number"], arrays)
            between()

    def outcomes(self, case, backend):
        """Returns the outcomes of one case on one backend, as soon as they are complete."""
        found = self._wait(case, backend)
        for position, outcome in enumerate(found):
            if outcome.status == "fail" and outcome.guarantee in case.exempt:
                reason = case.exempt[outcome.guarantee]
                found[position] = dataclasses.replace(outcome, status="exempt", detail=reason)
        if backend == "jax":
            for guarantee, reason in NOT_APPLICABLE.get(case.kind, {}).items():
                detail = f"not applicable: {reason}"
                found.append(BackendOutcome(case.id, guarantee, "exempt", detail, backend=backend))
        return found

    def _wait(self, case, backend):
        wanted = [
            (lane.name, guarantee)
            for lane in self._lanes
            if lane.backend == backend
            for guarantee in lane.guarantees
            if applies(lane, guarantee, case)
        ]
        with self._news:
            while True:
                found = [pair for pair in wanted if (case.id, *pair) in self._found]
                if len(found) == len(wanted) or not self._thread.is_alive():
                    break
                self._news.wait(0.5)
            return [self._found.get((case.id, *pair)) or self._lost(case, backend, pair) for pair in wanted]

    def _lost(self, case, backend, pair):
        detail = f"the {pair[0]} process ended without an outcome"
        return BackendOutcome(case.id, pair[1], "fail", detail, backend=backend)

    def _run(self):
        deadline = time.monotonic() + self._seconds
        for lane in self._lanes if self._addresses else ():
            reason = missing(lane.backend)
            if reason:
                self._settle(self.cases, lane, "not run", reason)
                continue
            run_lane(
                lane,
                self._addresses,
                self.folder,
                wanted=[
                    (address["id"], guarantee)
                    for guarantee in lane.guarantees
                    for address in self._addresses
                    if applies(lane, guarantee, self.cases[address["number"]])
                ],
                options=self._options,
                step_seconds=self._step_seconds,
                deadline=deadline,
                publish=lambda outcome, lane=lane: self._publish(lane, outcome),
                stopped=self._stop.is_set,
            )
            self.peaks.update(peaks(self.folder, lane))

    def _settle(self, cases, lane, status, detail):
        for case in cases:
            for guarantee in lane.guarantees:
                self._publish(lane, BackendOutcome(case.id, guarantee, status, detail, backend=lane.backend))

    def _publish(self, lane, outcome):
        with self._news:
            self._found[outcome.case_id, lane.name, outcome.guarantee] = outcome
            self._news.notify_all()


def peaks(folder, lane):
    """Returns the largest memory in MB of each process of a lane: {name of the process: MB}."""
    records = {path.stem: read_journal(path) for path in sorted(folder.glob(f"{lane.name}_[0-9]*.jsonl"))}
    return {name: max((one.get("peak", 0) for one in found), default=0) for name, found in records.items()}


def missing(backend):
    """Returns why a backend cannot be used here, or None."""
    if importlib.util.find_spec(backend) is None:
        return f"{backend} is not installed"
    return None
