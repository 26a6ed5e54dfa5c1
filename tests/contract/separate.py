"""Models are checked in separate processes, a few per process, while this one checks other components.

TensorFlow keeps every training step that it has compiled, up to 400 MB per model, until the process ends.
"""

import concurrent.futures
import dataclasses
import importlib
import multiprocessing
import warnings

from keras_cnn_zoo.testing import case_from_dict, memory, run_case

MODELS_PER_PROCESS = 2


class SeparateProcess:
    """Runs cases, one after another, in a process that is replaced after a few of them."""

    def __init__(self):
        self.peak = 0
        """The largest memory in MB of the processes so far."""
        self._queue = concurrent.futures.ThreadPoolExecutor(max_workers=1)
        self._begun = {}
        self._pool = None
        self._done = 0

    def begin(self, case, *, thorough):
        """Puts a case into the queue of the process; `run_case` gives its outcomes."""
        key = _key(case, thorough)
        self._begun[key] = self._queue.submit(self._run, *key)

    def run_case(self, case, *, thorough):
        """Returns the outcomes of `run_case`; a crash of the process is an exception here."""
        key = _key(case, thorough)
        if key not in self._begun:
            self.begin(case, thorough=thorough)
        return self._begun.pop(key).result()

    def stop(self):
        """Ends the process after the case that it is at."""
        self._queue.shutdown(cancel_futures=True)
        self._end_process()

    def _run(self, module, index, exempt, thorough):
        if self._pool is None:
            # Not with `max_tasks_per_child`: before Python 3.12.3, cases that wait are then never run.
            self._pool = concurrent.futures.ProcessPoolExecutor(
                max_workers=1, mp_context=multiprocessing.get_context("spawn")
            )
        try:
            outcomes, peak = self._pool.submit(_run_case, module, index, dict(exempt), thorough).result()
        except concurrent.futures.process.BrokenProcessPool:
            self._end_process()
            raise
        self._done += 1
        if self._done == MODELS_PER_PROCESS:
            self._end_process()
        self.peak = max(self.peak, peak)
        return outcomes

    def _end_process(self):
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None
        self._done = 0


def _key(case, thorough):
    return case.module, case.index, tuple(case.exempt.items()), thorough


def _run_case(module, index, exempt, thorough):
    """Runs in the other process; returns the outcomes, and the peak memory of the process in MB."""
    # As in pyproject.toml, which pytest applies to its own process only.
    warnings.simplefilter("error")
    warnings.filterwarnings(
        "ignore", "__array__ implementation doesn't accept a copy keyword", DeprecationWarning
    )
    case = case_from_dict(importlib.import_module(module).CASES[index], module=module, index=index)
    outcomes = run_case(dataclasses.replace(case, exempt=exempt), thorough=thorough)
    return outcomes, memory.peak()
