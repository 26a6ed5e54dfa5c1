"""Models are checked in separate processes, a few per process.

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
        self._pool = None

    def run_case(self, case, *, thorough):
        """Returns the outcomes of `run_case`; a crash of the process is an exception here."""
        if self._pool is None:
            self._pool = concurrent.futures.ProcessPoolExecutor(
                max_workers=1,
                max_tasks_per_child=MODELS_PER_PROCESS,
                mp_context=multiprocessing.get_context("spawn"),
            )
        try:
            outcomes, peak = self._pool.submit(
                _run_case, case.module, case.index, case.exempt, thorough
            ).result()
        except concurrent.futures.process.BrokenProcessPool:
            self.stop()
            raise
        self.peak = max(self.peak, peak)
        return outcomes

    def stop(self):
        """Ends the process, if there is one."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None


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
